#pragma once

#include <string_view>

#include "canine/table/table.hpp"
#include "canine/text/text_content.hpp"

namespace canine {

/// Whether a cell says no language: a word for missing values, or nothing that can be seen. Such rows are of
/// kUnknownLanguage, whatever the kind of file they come from.
inline bool says_no_language(std::string_view value) {
  return is_missing_text(value) || content_of(value) == TextContent::kNothing;
}

}  // namespace canine
