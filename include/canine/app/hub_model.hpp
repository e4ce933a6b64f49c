#pragma once

#include <filesystem>
#include <string>

#include "canine/app/job.hpp"
#include "canine/hub/hub_cache.hpp"

namespace canine {

/// Throws UsageError unless `name_or_path`, the value of --`flag`, is there or may be the name of a model on the Hub
/// (exchange/model_content.hpp). Asks nobody, so a path that was mistyped is found out at once.
void require_model(const std::string& flag, const std::string& name_or_path);

/// The model that --`flag` names: `name_or_path` itself if there is such a file or folder, else the folder of a Hub
/// name ("google/canine-s", "owner/model@revision") in the local cache, into which it is downloaded first if need be,
/// with progress on the console. Of a Hub name only `files` are there for certain. Throws UsageError, IoError or
/// CannotWriteError naming flag and value.
std::filesystem::path find_model_path(const std::string& flag, const std::string& name_or_path,
                                      HubFiles files = HubFiles::kModel);

/// The same for all processes of a job: the first one downloads while the others wait. On machines with a cache of
/// their own one process downloads after that.
std::filesystem::path find_model_path(const std::string& flag, const std::string& name_or_path, Job& job,
                                      HubFiles files = HubFiles::kModel);

/// The same where only a folder will do.
std::filesystem::path find_model_folder(const std::string& flag, const std::string& name_or_folder, Job& job,
                                        HubFiles files = HubFiles::kModel);

}  // namespace canine
