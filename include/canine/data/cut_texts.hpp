#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "canine/data/dataset.hpp"

namespace canine {

/// Texts of which the model sees the beginning only, because they are longer than --max-len.
struct CutTexts {
  int64_t rows = 0;
  int64_t cut = 0;      ///< of them
  int64_t longest = 0;  ///< characters of the longest of them, with language, separator and the marks at both ends

  /// Counts rows with one text, which stands behind `prefix` (language and separator).
  void add(std::string_view prefix, std::string_view text, int64_t max_len, int64_t num_rows = 1);
  void add(const CutTexts& others);

  /// One line that says how many there are and which --max-len would hold them, or nullopt if there are none. `what`:
  /// "descriptions of in.csv"; `most`: characters that the encoder takes.
  std::optional<std::string> warning(const std::string& what, int64_t max_len, int64_t most) const;
};

/// Of the rows of `data`, cleaned for `use` and without random changes.
CutTexts find_cut_texts(const Dataset& data, const TextCleaning& cleaning, TextUse use, int64_t max_len,
                        int num_threads);

}  // namespace canine
