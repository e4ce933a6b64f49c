#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace canine {

/// Ids of CANINE's tokenizer: every character is its own Unicode code point (transformers 4.57, CanineTokenizer).
struct CanineId {
  static constexpr int64_t kPad = 0;
  static constexpr int64_t kCls = 0xE000;
  static constexpr int64_t kSep = 0xE001;
};

/// Writes CLS, the code points of `prefix` followed by those of `text`, SEP, PAD ... into `ids` and 1 for each real
/// character (CLS and SEP included), otherwise 0, into `mask`. Both hold max_len entries, max_len >= 2. Longer text
/// keeps its first max_len - 2 code points. Text is UTF-8; an invalid byte becomes U+FFFD. As there, white space right
/// before U+E003 (CANINE's mask) is left out, other private-use specials stay as they are.
/// Returns the number n of real characters.
int64_t tokenize(std::string_view prefix, std::string_view text, std::span<int64_t> ids, std::span<int64_t> mask);

/// Ordinary text between language and description: language + "[SEP]" + text.
inline constexpr std::string_view kLanguageSeparator = "[SEP]";

}  // namespace canine
