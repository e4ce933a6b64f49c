#pragma once

#include <string>
#include <string_view>

namespace canine {

/// Descriptions as the Python program sends them to a model in prediction: lower case, then ASCII. (In training it
/// takes quotes and brackets off instead, text/augmentation.hpp.) Blanks are kept, nothing is trimmed, and the result
/// may be empty or hold capitals ("€" becomes "EUR"). The language in front of a description is not treated so.
///
/// All take UTF-8; bytes that are not are replaced by U+FFFD, which has no ASCII. Thread-safe; ICU's slow
/// transliterator runs once per block of 256 characters, and not at all for ASCII.
std::string clean_description(std::string_view text);

/// Python's str.lower: full Unicode case mapping of no particular language, so "İ" gives "i" and U+0307, and a capital
/// sigma at the end of a word the final form.
std::string lower_case(std::string_view text);

/// Each character by itself to ASCII, equal to the Python package Unidecode 1.4 for the letters, accents and signs of
/// Catalan, Danish, Dutch, English, French, German, Greek (with all breathings and accents), Icelandic, Italian,
/// Norwegian, Portuguese, Spanish and Swedish. What has no ASCII is left out. Other scripts are transliterated as ICU
/// does, which Unidecode does otherwise in part.
std::string transliterate(std::string_view text);

}  // namespace canine
