#pragma once

#include <string>
#include <string_view>

namespace canine {

/// Version, LibTorch and the linker's build id of the running program: equal only for the same build.
std::string build_text();

/// "finetune of canine.cpp 0.1.0, LibTorch 2.11.0".
std::string version_text(std::string_view program);

}  // namespace canine
