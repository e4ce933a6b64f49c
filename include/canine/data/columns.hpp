#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// Column of the descriptions in prepared data and in all files for training and evaluation.
inline constexpr std::string_view kTextColumn = "occ1";

/// Column of the languages.
inline constexpr std::string_view kLanguageColumn = "lang";

/// The language of rows that have none, or whose language augmentation hides.
inline constexpr std::string_view kUnknownLanguage = "unk";

/// Throws UsageError if one of the label columns is that of the descriptions or of the languages too.
void require_separate_columns(const std::vector<std::string>& target_cols, std::string_view text_col,
                              std::string_view language_col);

}  // namespace canine
