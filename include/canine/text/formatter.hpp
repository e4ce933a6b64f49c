#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace canine {

/// Indices that mean the same in every label formatter.
struct LabelIndex {
  static constexpr int64_t kUnk = 0;
  static constexpr int64_t kPad = 1;
  static constexpr int64_t kBos = 2;
  static constexpr int64_t kEos = 3;
  static constexpr int64_t kSep = 4;
  static constexpr int64_t kFirstSymbol = 5;
};

/// Shape of a label sequence: BOS, num_blocks blocks of block_size tokens, EOS.
struct BlockLayout {
  int64_t num_blocks = 1;  ///< codes per row
  int64_t block_size = 5;  ///< tokens per code

  int64_t sequence_length() const { return num_blocks * block_size + 2; }
  bool operator==(const BlockLayout&) const = default;
};

/// Codes of one row <-> sequence of label indices. Stateless after construction, so threads may share one.
/// Source: histocc/formatter of the Python program.
class Formatter {
 public:
  virtual ~Formatter() = default;

  virtual BlockLayout layout() const = 0;

  /// Size V of the model's vocabulary: largest symbol index + 2 (one spare index).
  virtual int64_t vocabulary_size() const = 0;

  /// Writes the layout().sequence_length() indices of one row. `cells` are the label cells in column order, nullopt =
  /// missing; the first missing one ends the list. Returns an empty optional, or the reason why the row cannot be
  /// encoded (`out` is then unspecified), worded to follow "row N: ": the kind of fault, ": ", details. The part before
  /// the first colon is the same for all rows with that fault, so rows can be counted by it.
  virtual std::optional<std::string> encode(std::span<const std::optional<std::string_view>> cells,
                                            std::span<int64_t> out) const = 0;

  /// Codes joined with '&' of a sequence of layout().sequence_length() indices (the first and last are not looked at).
  /// Indices that name no symbol are left out.
  virtual std::string decode(std::span<const int64_t> sequence) const = 0;
};

}  // namespace canine
