#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "canine/text/formatter.hpp"

namespace canine {

/// Formatter for the occupations of the US census of 1950: up to two codes of three digits; unused blocks are PAD.
///
/// Symbols, by index from 5: the digits 0-9. Cells hold the codes; leading zeros may be missing. An empty cell and one
/// of a single blank count as missing (docs/differences.md D10). Source: histocc/formatter/occ1950.py of the Python
/// program.
class Occ1950Formatter : public Formatter {
 public:
  BlockLayout layout() const override { return {.num_blocks = 2, .block_size = 3}; }
  int64_t vocabulary_size() const override { return 16; }

  /// Reasons start with one of "no code: ", "unknown code: ", "too many codes: ".
  std::optional<std::string> encode(std::span<const std::optional<std::string_view>> cells,
                                    std::span<int64_t> out) const override;

  /// A block that holds PAD, or an index that names no digit (docs/differences.md D41), is left out.
  std::string decode(std::span<const int64_t> sequence) const override;

  static bool is_missing(std::string_view cell) { return cell.empty() || cell == " "; }

  /// One to three digits, perhaps followed by the ".0" that pandas gives to a column with missing cells: their number,
  /// which is the class of the flat head. -1 for anything else.
  static int64_t class_of_cell(std::string_view cell);
};

}  // namespace canine
