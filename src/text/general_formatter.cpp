#include "canine/text/general_formatter.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"
#include "label_blocks.hpp"

namespace canine {
namespace {

constexpr int kLargestInteger = 999;
constexpr int64_t kZero = LabelIndex::kFirstSymbol + kLargestInteger;
constexpr int64_t kFirstLetter = kZero + kLargestInteger + 1;
constexpr std::string_view kSingles =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!\"#$%'()*+-./:;<=>?@[\\]^_`{|}~";
constexpr int64_t kEnd = kFirstLetter + static_cast<int64_t>(kSingles.size());  // one past the largest index

/// Index of each symbol that is a single byte, 0 (no symbol) for all other bytes.
constexpr auto kIndexOfByte = [] {
  std::array<int16_t, 256> table{};
  for (int digit = 0; digit < 10; ++digit)
    table[static_cast<size_t>('0') + static_cast<size_t>(digit)] = static_cast<int16_t>(kZero + digit);
  for (size_t i = 0; i < kSingles.size(); ++i) {
    table[static_cast<unsigned char>(kSingles[i])] = static_cast<int16_t>(kFirstLetter + static_cast<int64_t>(i));
  }
  return table;
}();

int64_t index_of_byte(char byte) { return kIndexOfByte[static_cast<unsigned char>(byte)]; }

/// Index of a symbol, 0 if there is no such symbol. Integers are written as Python writes them: "01" is none.
int64_t index_of_token(std::string_view token) {
  if (token.size() == 1) return index_of_byte(token[0]);
  const bool negative = token.starts_with('-');
  const std::string_view digits = token.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 3 || digits[0] == '0') return 0;
  int64_t value = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return 0;
    value = 10 * value + (digit - '0');
  }
  return kZero + (negative ? -value : value);
}

void append_symbol(std::string& out, int64_t index) {
  if (index >= kFirstLetter) {
    out.push_back(kSingles[static_cast<size_t>(index - kFirstLetter)]);
  } else {
    out.append(fmt::format_int(index - kZero).c_str());
  }
}

std::string unknown_character(std::string_view code, size_t byte_position) {
  size_t end = byte_position;
  next_code_point(code, end);
  size_t position = 1;
  for (size_t i = 0; i < byte_position; ++position) next_code_point(code, i);
  const std::string_view character = code.substr(byte_position, end - byte_position);
  return fmt::format(
      "unknown character: '{}' (character {} of the code '{}'); codes are made of letters a-z and A-Z, digits and "
      "ASCII punctuation without ',' and '&'",
      shown(character), position, shown(code));
}

std::string unknown_token(std::string_view code, std::string_view token, size_t number) {
  return fmt::format(
      "unknown token: '{}' (part {} of the code '{}'); parts between commas are integers from -999 to 999 without "
      "leading zeros, single letters a-z and A-Z, or single ASCII punctuation marks",
      shown(token), number, shown(code));
}

}  // namespace

GeneralFormatter::GeneralFormatter(int64_t num_columns, int64_t block_size, bool use_within_block_sep)
    : layout_{num_columns, block_size}, use_within_block_sep_(use_within_block_sep) {
  if (num_columns < 1) throw UsageError("expected at least one target column, got {}", num_columns);
  if (block_size < 1) throw UsageError("expected a block size of at least 1, got {}", block_size);
}

int64_t GeneralFormatter::vocabulary_size() const { return kEnd + 1; }

std::optional<std::string> GeneralFormatter::encode_code(std::string_view code, std::span<int64_t> block) const {
  size_t num_tokens = 0;  // may go beyond the block
  if (use_within_block_sep_) {
    for (size_t start = 0; start <= code.size();) {
      const size_t end = std::min(code.find(',', start), code.size());
      const int64_t index = index_of_token(code.substr(start, end - start));
      if (index == 0) return unknown_token(code, code.substr(start, end - start), num_tokens + 1);
      if (num_tokens < block.size()) block[num_tokens] = index;
      ++num_tokens;
      start = end + 1;
    }
  } else {
    for (; num_tokens < code.size(); ++num_tokens) {
      const int64_t index = index_of_byte(code[num_tokens]);
      if (index == 0) return unknown_character(code, num_tokens);
      if (num_tokens < block.size()) block[num_tokens] = index;
    }
  }
  if (num_tokens > block.size()) {
    return fmt::format("code too long: '{}' has {} {}, a block holds {}", shown(code), num_tokens,
                       use_within_block_sep_ ? "parts" : "characters", block.size());
  }
  std::ranges::fill(block.subspan(num_tokens), LabelIndex::kEos);
  return std::nullopt;
}

std::optional<std::string> GeneralFormatter::encode(std::span<const std::optional<std::string_view>> cells,
                                                    std::span<int64_t> out) const {
  const std::span<int64_t> blocks = frame_blocks(layout_, out);
  const auto block_size = static_cast<size_t>(layout_.block_size);

  size_t used = 0;  // entries of `blocks`
  int64_t num_codes = 0;
  const auto add_code = [&](std::string_view code) -> std::optional<std::string> {
    if (++num_codes > layout_.num_blocks) return std::nullopt;
    const auto block = blocks.subspan(used, block_size);
    used += block_size;
    return encode_code(code, block);
  };
  size_t num_cells = 0;
  for (; num_cells < cells.size() && cells[num_cells].has_value(); ++num_cells) {
    std::string_view rest = *cells[num_cells];
    for (size_t end = 0; (end = rest.find('&')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
      if (auto reason = add_code(rest.substr(0, end))) return reason;
    }
    if (auto reason = add_code(rest)) return reason;
  }
  if (num_cells == 0) {
    if (auto reason = add_code({})) return reason;
  }
  if (num_codes > layout_.num_blocks) {
    return fmt::format("too many codes: {} with those that '&' separates, there {} {} target column{}", num_codes,
                       layout_.num_blocks == 1 ? "is" : "are", layout_.num_blocks, layout_.num_blocks == 1 ? "" : "s");
  }
  std::ranges::fill(blocks.subspan(used), LabelIndex::kPad);
  return std::nullopt;
}

std::string GeneralFormatter::decode(std::span<const int64_t> sequence) const {
  return join_codes(layout_, sequence, [this](std::span<const int64_t> block, std::string& text) {
    if (std::ranges::all_of(block, [](int64_t index) { return index == LabelIndex::kPad; })) return false;
    bool first_symbol = true;
    for (const int64_t index : block) {
      if (index < LabelIndex::kFirstSymbol || index >= kEnd) continue;
      if (use_within_block_sep_ && !first_symbol) text.push_back(',');
      first_symbol = false;
      append_symbol(text, index);
    }
    return true;
  });
}

int64_t longest_code(std::span<const std::optional<std::string_view>> cells, bool use_within_block_sep) {
  int64_t longest = 0;
  for (const std::optional<std::string_view>& cell : cells) {
    if (!cell) break;
    for (std::string_view rest = *cell;;) {
      const std::string_view code = rest.substr(0, rest.find('&'));
      longest = std::max<int64_t>(longest, use_within_block_sep ? std::ranges::count(code, ',') + 1 : std::ssize(code));
      if (code.size() == rest.size()) break;
      rest.remove_prefix(code.size() + 1);
    }
  }
  return longest;
}

bool has_short_code(const BlockLayout& layout, std::span<const int64_t> sequence, bool first_code_is_question_mark) {
  const size_t start = first_code_is_question_mark ? static_cast<size_t>(layout.block_size) + 1 : 0;
  const auto codes = sequence.first(sequence.size() - 1).subspan(start);
  return std::ranges::find(codes, LabelIndex::kEos) != codes.end();
}

}  // namespace canine
