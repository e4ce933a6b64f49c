#include "block_size_advice.hpp"

#include <fmt/format.h>

#include "canine/core/readable.hpp"

namespace canine {

std::string block_size_advice(int64_t longest, int64_t num_columns, const CodeForms& forms) {
  constexpr int64_t kMostTokens = 127;  // of all codes of a row (app/training_settings.cpp)
  const int64_t most = kMostTokens / num_columns;
  if (longest <= most) {
    return fmt::format("--block-size {} holds all {}codes.", longest, forms.any_damaged() ? "other " : "");
  }
  return fmt::format(
      "The longest has {}, and no block size above {} fits with {}: are they columns of codes (--target-cols)?",
      counted(longest, "token"), most, counted(num_columns, "column"));
}

}  // namespace canine
