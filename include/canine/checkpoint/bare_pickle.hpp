#pragma once

#include <string_view>

namespace canine {

/// Whether a file that starts like this is a pickle outside of a zip file, as PyTorch before 1.6 and pickle.dump write
/// them. read_torch_file refuses them with what to do; inside of a zip file it reads pickle protocols 2 to 5.
inline bool is_bare_pickle(std::string_view start) {
  return start.size() > 1 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5;
}

}  // namespace canine
