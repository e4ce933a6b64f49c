#pragma once

#include <string>
#include <string_view>

namespace canine {

/// A cell of a file as messages show it: what cannot be seen (control and format characters, blanks other than U+0020)
/// is escaped as in names of columns, `\u00A0en`, so that it is clear why two texts that look alike are two.
std::string readable_text(std::string_view text);

}  // namespace canine
