#include "canine/data/columns.hpp"

#include "canine/core/errors.hpp"

namespace canine {

void require_separate_columns(const std::vector<std::string>& target_cols, std::string_view text_col,
                              std::string_view language_col) {
  for (const std::string& name : target_cols) {
    if (name != text_col && name != language_col) continue;
    throw UsageError("the label column {} is the column of {}", name, name == text_col ? "descriptions" : "languages");
  }
}

}  // namespace canine
