#pragma once

#include <string_view>

namespace canine {

struct TransliterationException {
  char32_t character;
  std::string_view ascii;
};

/// Characters of the texts that transliteration.hpp names for which Unidecode and ICU differ; found by comparing the
/// two, and kept complete by the test that compares them again. Letters stand for themselves with accents too.
inline constexpr TransliterationException kTransliterationExceptions[] = {
    // Latin letters: thorn, kra, eng, wynn, yogh, ezh, micro
    {U'Þ', "Th"},
    {U'ĸ', "k"},
    {U'Ŋ', "NG"},
    {U'ŋ', "ng"},
    {U'Ƿ', "W"},
    {U'ƿ', "w"},
    {U'Ȝ', "Y"},
    {U'ȝ', "y"},
    {U'Ʒ', "ZH"},
    {U'ʒ', "Z"},
    {U'µ', "u"},
    // letters written above another, as in older German
    {0x0363, "a"},
    {0x0364, "e"},
    {0x0365, "i"},
    {0x0366, "o"},
    {0x0367, "u"},
    {0x0368, "c"},
    {0x0369, "d"},
    {0x036A, "h"},
    {0x036B, "m"},
    {0x036C, "r"},
    {0x036D, "t"},
    {0x036E, "v"},
    {0x036F, "x"},
    // Greek letters and numerals
    {U'Θ', "Th"},
    {U'Ξ', "Ks"},
    {U'Υ', "U"},
    {U'Φ', "Ph"},
    {U'Χ', "Kh"},
    {U'Ψ', "Ps"},
    {0x0390, "I"},  // iota with dialytika and tonos
    {U'υ', "u"},
    {U'χ', "kh"},
    {U'ϗ', "&"},
    {U'Ϛ', "St"},
    {U'ϛ', "st"},
    {U'Ϝ', "W"},
    {U'ϝ', "w"},
    {U'Ϟ', "Q"},
    {U'ϟ', "q"},
    {U'Ϡ', "Sp"},
    {U'ϡ', "sp"},
    {0x1FE4, "R"},  // rho with psili, with dasia
    {0x1FE5, "R"},
    // Greek punctuation, accents and breathings that stand alone
    {0x0375, ","},
    {0x037A, ""},
    {0x037E, "?"},
    {0x0384, ""},
    {0x0385, ""},
    {0x0387, ";"},
    {0x1FBD, "'"},
    {0x1FBF, "'"},
    {0x1FC0, "~"},
    {0x1FEE, "\"'"},
    {0x1FFD, "'"},
    {0x1FFE, "`"},
    // signs of Latin-1
    {U'¢', "C/"},
    {U'£', "PS"},
    {U'¤', "$?"},
    {U'¥', "Y="},
    {U'¦', "|"},
    {U'§', "SS"},
    {U'¨', "\""},
    {U'©', "(c)"},
    {U'¬', "!"},
    {0x00AD, ""},  // soft hyphen
    {U'®', "(r)"},
    {U'¯', "-"},
    {U'°', "deg"},
    {U'±', "+-"},
    {U'´', "'"},
    {U'¶', "P"},
    {U'·', "*"},
    {U'¸', ","},
    {U'×', "x"},
    // apostrophes and accents as letters of their own
    {0x02BB, "`"},
    {0x02BD, "`"},
    {0x02BE, "`"},
    {0x02BF, "'"},
    {U'ˇ', "V"},
    {U'˘', "V"},
    {U'˙', "."},
    {U'˚', "@"},
    {U'˛', ","},
    {U'˝', "\""},
    // spaces, dashes, quotes, bullets
    {0x200B, " "},     // zero width space
    {0x2028, "\n"},    // line separator
    {0x2029, "\n\n"},  // paragraph separator
    {0x2014, "--"},
    {0x2015, "--"},
    {0x2017, "_"},
    {U'†', "+"},
    {U'‡', "++"},
    {U'•', "*"},
    {U'‣', "*>"},
    {0x2027, "."},
    {U'‰', "%0"},
    {0x2033, "''"},
    {0x2034, "'''"},
    {0x2035, "`"},
    {0x203E, "-"},
    {0x2043, "--"},
    {0x204A, "&"},
    // currencies
    {U'₣', "FF"},
    {U'₤', "L"},
    {U'€', "EUR"},
    {U'₯', "Dr"},
    {U'₰', "Pf"},
    // other signs
    {U'℃', "degC"},
    {U'℅', " c/o "},
    {U'№', "No. "},
    {U'℞', ""},
    {U'™', "(tm)"},
    {U'⅓', " 1/3 "},
    {U'⅔', " 2/3 "},
    {U'⅕', " 1/5 "},
    {U'⅛', " 1/8 "},
    {U'⅜', " 3/8 "},
    {U'⅝', " 5/8 "},
    {U'⅞', " 7/8 "},
    {U'→', "-"},
};

}  // namespace canine
