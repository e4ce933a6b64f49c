#include "canine/app/version.hpp"

#include <fmt/format.h>
#include <torch/version.h>

namespace canine {

std::string version_text(std::string_view program) {
  return fmt::format("{} of canine.cpp {}, LibTorch {}", program, CANINE_VERSION, TORCH_VERSION);
}

}  // namespace canine
