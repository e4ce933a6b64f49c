#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "canine/text/formatter.hpp"

namespace canine {

/// Formatter for HISCO: up to five codes of five digits each; unused blocks are PAD.
///
/// Symbols, by index from 5: the special codes -3, -2, -1, then the digits 0-9. A special code fills its whole block.
/// Cells hold class numbers (hisco_codes.hpp), not codes.
/// Source: histocc/formatter/hisco.py of the Python program.
class HiscoFormatter : public Formatter {
 public:
  BlockLayout layout() const override { return {.num_blocks = 5, .block_size = 5}; }
  int64_t vocabulary_size() const override { return 19; }

  /// Reasons start with one of "no code: ", "unknown class: ", "too many codes: ".
  std::optional<std::string> encode(std::span<const std::optional<std::string_view>> cells,
                                    std::span<int64_t> out) const override;

  /// The same for codes joined with '&', as decode gives them; any five digits are a code here. Reasons start with one
  /// of "no HISCO code: ", "too many codes: ".
  std::optional<std::string> encode_codes(std::string_view codes, std::span<int64_t> out) const;

  /// A block that holds PAD is no code. A special code in front is the code; otherwise all symbols make up the code,
  /// whether it is one of HISCO's or not. A block with an index that names no symbol is left out
  /// (docs/differences.md D41).
  std::string decode(std::span<const int64_t> sequence) const override;

  /// Class of a cell: float(cell) of Python ("123.0" and " 123 " are 123), -1 if that is no whole number in [0, 1918].
  /// (The Python program cuts "123.7" to 123.)
  static int64_t class_of_cell(std::string_view cell);
};

}  // namespace canine
