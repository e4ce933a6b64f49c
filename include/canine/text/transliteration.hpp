#pragma once

#include <string>
#include <string_view>

namespace canine {

// What the Python program does to texts before prediction: lower case, then ASCII (TextCleaning::published in
// text/text_cleaning.hpp). Blanks are kept, nothing is trimmed, and the result may be empty or hold capitals ("€"
// becomes "EUR"). Both take UTF-8; bytes that are not are replaced by U+FFFD, which has no ASCII. Thread-safe; ICU's
// slow transliterator runs once per block of 256 characters, and not at all for ASCII.

/// Python's str.lower: full Unicode case mapping of no particular language, so "İ" gives "i" and U+0307, and a capital
/// sigma at the end of a word the final form.
std::string lower_case(std::string_view text);

/// Each character by itself to ASCII, equal to the Python package Unidecode 1.4 for the letters, accents and signs of
/// Catalan, Danish, Dutch, English, French, German, Greek (with all breathings and accents), Icelandic, Italian,
/// Norwegian, Portuguese, Spanish and Swedish. What has no ASCII is left out. Other scripts are transliterated as ICU
/// does, which Unidecode does otherwise in part.
std::string transliterate(std::string_view text);

}  // namespace canine
