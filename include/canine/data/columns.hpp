#pragma once

#include <string_view>

namespace canine {

/// Column of the descriptions in prepared data and in all files for training and evaluation.
inline constexpr std::string_view kTextColumn = "occ1";

/// Column of the languages.
inline constexpr std::string_view kLanguageColumn = "lang";

/// The language of rows that have none, or whose language augmentation hides.
inline constexpr std::string_view kUnknownLanguage = "unk";

}  // namespace canine
