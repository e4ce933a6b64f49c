#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "canine/hub/hub_download.hpp"

namespace canine {

/// "fetch the model where there is a network: ..." with the command that does it, for messages.
std::string fetch_advice(const HubName& name);

/// Runs `attempt` (told whether it is a further one) until it meets no PassingTrouble, with a growing pause in between.
/// Gives up with an IoError that names `url` after FinalTrouble, or after options.max_attempts attempts in a row during
/// which `bytes_there` hardly grew; then also with the command that fetches the model `name`.
void with_attempts(const HubName& name, const DownloadOptions& options, const std::string& url,
                   const std::function<uint64_t()>& bytes_there, const std::function<void(bool)>& attempt);

}  // namespace canine
