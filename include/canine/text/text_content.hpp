#pragma once

#include <string_view>

namespace canine {

/// What there is to read in a description.
enum class TextContent {
  kNothing,     ///< empty, or nothing that can be seen: blanks, control and format characters, fillers
  kNoLetter,    ///< signs only, such as "-", "?" or "()": neither a letter nor a digit of any script
  kDescription  ///< everything else
};

/// UTF-8; bytes that are not count as signs. By Unicode's categories and Default_Ignorable_Code_Point (ICU).
TextContent content_of(std::string_view text);

}  // namespace canine
