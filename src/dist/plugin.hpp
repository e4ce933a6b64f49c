#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace canine {

/// Folders where plug-ins may be, best first: $CANINE_PLUGIN_DIR, ../lib/canine and canine beside the program or
/// library that holds this code. The run path of the program comes after them.
std::vector<std::filesystem::path> plugin_folders();

struct Plugin {
  void* function = nullptr;  ///< null if there is none
  std::string problem;       ///< why not
};

/// Opens the module `name`.so once per process and finds `function` in it. Its libraries become visible to what they
/// open themselves (MPI and CUDA need that).
Plugin open_plugin(const std::string& name, const char* function);

}  // namespace canine
