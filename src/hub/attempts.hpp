#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "canine/hub/hub_download.hpp"

namespace canine {

/// Runs `attempt` (told whether it is a further one) until it meets no PassingTrouble, with a growing pause in between.
/// Gives up with an IoError that names `url` after FinalTrouble, or after options.max_attempts attempts in a row during
/// which `bytes_there` hardly grew.
void with_attempts(const DownloadOptions& options, const std::string& url, const std::function<uint64_t()>& bytes_there,
                   const std::function<void(bool)>& attempt);

}  // namespace canine
