#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "canine/text/formatter.hpp"

namespace canine {

/// Formatter for codes of any system ("gpf"): each code is a block of tokens, filled up with EOS; unused blocks are
/// PAD.
///
/// Symbols, by index from 5: the integers -999 ... 999, a-z, A-Z, ASCII punctuation without ',' and '&'. Without
/// within-block separator every character is a token; with it, tokens stand between commas ("14,-2"). The cells are
/// joined with '&' and split there again, so a '&' in a cell starts a further block.
/// A row without codes is one empty code, which has a meaning only without the separator.
/// Source: histocc/formatter/general_purpose.py of the Python program.
class GeneralFormatter : public Formatter {
 public:
  /// Throws UsageError unless num_columns and block_size are at least 1.
  GeneralFormatter(int64_t num_columns, int64_t block_size, bool use_within_block_sep);

  BlockLayout layout() const override { return layout_; }
  int64_t vocabulary_size() const override;

  /// Reasons start with one of "too many codes: ", "code too long: ", "unknown character: ", "unknown token: ".
  std::optional<std::string> encode(std::span<const std::optional<std::string_view>> cells,
                                    std::span<int64_t> out) const override;
  std::string decode(std::span<const int64_t> sequence) const override;

 private:
  std::optional<std::string> encode_code(std::string_view code, std::span<int64_t> block) const;

  BlockLayout layout_;
  bool use_within_block_sep_;
};

/// Tokens of the longest code of a row's cells up to the first missing one, whether they are symbols or not.
int64_t longest_code(std::span<const std::optional<std::string_view>> cells, bool use_within_block_sep);

/// True if a row's sequence holds a code that is shorter than its block: an EOS before the last element. Where the
/// first code is the question mark that stands for "none", its own block may be short (finetune.py, data preparation).
bool has_short_code(const BlockLayout& layout, std::span<const int64_t> sequence, bool first_code_is_question_mark);

}  // namespace canine
