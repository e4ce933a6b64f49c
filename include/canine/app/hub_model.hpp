#pragma once

#include <filesystem>
#include <string>

#include "canine/app/job.hpp"

namespace canine {

/// Folder of the model that --`flag` names: `name_or_folder` itself if there is such a folder, else that of a Hub name
/// ("google/canine-s", "owner/model@revision") in the local cache, into which it is downloaded first if need be, with
/// progress on the console. Throws UsageError, IoError or CannotWriteError naming flag and value.
std::filesystem::path find_model_folder(const std::string& flag, const std::string& name_or_folder);

/// The same for all processes of a job: the first one downloads while the others wait. On machines with a cache of
/// their own one process downloads after that.
std::filesystem::path find_model_folder(const std::string& flag, const std::string& name_or_folder, Job& job);

}  // namespace canine
