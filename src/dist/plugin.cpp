#include "plugin.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

namespace canine {

namespace fs = std::filesystem;

std::vector<fs::path> plugin_folders() {
  std::vector<fs::path> folders;
  if (const char* given = std::getenv("CANINE_PLUGIN_DIR"); given != nullptr && *given != '\0') {
    folders.emplace_back(given);
  }
  Dl_info info{};
  std::error_code ignored;
  if (::dladdr(reinterpret_cast<const void*>(&plugin_folders), &info) != 0 && info.dli_fname != nullptr) {
    // For code inside the program itself dli_fname is argv[0], which need not be a path.
    fs::path file = info.dli_fname;
    const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
    if (!fs::exists(file, ignored) || file.filename() == program.filename()) file = program;
    folders.push_back((file.parent_path() / ".." / "lib" / "canine").lexically_normal());
    folders.push_back(file.parent_path() / "canine");
  }
  return folders;
}

Plugin open_plugin(const std::string& name, const char* function) {
  Plugin plugin;
  std::vector<std::string> looked;
  std::error_code ignored;
  for (const fs::path& folder : plugin_folders()) {
    const fs::path file = folder / (name + ".so");
    looked.push_back(folder.string());
    if (!fs::exists(file, ignored)) continue;
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    plugin.function = handle != nullptr ? ::dlsym(handle, function) : nullptr;
    if (plugin.function == nullptr) plugin.problem = fmt::format("{} cannot be opened: {}", file.string(), ::dlerror());
    return plugin;
  }
  // A bare name is looked for in the run path of this program, where the installed package names its own folder.
  void* handle = ::dlopen((name + ".so").c_str(), RTLD_NOW | RTLD_GLOBAL);
  plugin.function = handle != nullptr ? ::dlsym(handle, function) : nullptr;
  if (plugin.function == nullptr) {
    plugin.problem = fmt::format("there is no {}.so in {} (CANINE_PLUGIN_DIR names another folder), and {}", name,
                                 fmt::join(looked, ", "), ::dlerror());
  }
  return plugin;
}

}  // namespace canine
