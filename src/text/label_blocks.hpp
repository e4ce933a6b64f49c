#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "canine/text/formatter.hpp"

namespace canine {

/// Writes BOS and EOS and returns the blocks between them. Throws InternalError if `out` has another length.
std::span<int64_t> frame_blocks(const BlockLayout& layout, std::span<int64_t> out);

/// The blocks of a sequence. Throws InternalError if it has another length.
std::span<const int64_t> blocks_of(const BlockLayout& layout, std::span<const int64_t> sequence);

/// The codes of a sequence joined with '&'. `append_code(block, text)` appends the code of a block; false leaves the
/// block out.
template <typename AppendCode>
std::string join_codes(const BlockLayout& layout, std::span<const int64_t> sequence, const AppendCode& append_code) {
  const auto block_size = static_cast<size_t>(layout.block_size);
  std::string text;
  bool is_first = true;
  for (auto rest = blocks_of(layout, sequence); !rest.empty(); rest = rest.subspan(block_size)) {
    const size_t length = text.size();
    if (!is_first) text.push_back('&');
    if (append_code(rest.first(block_size), text)) {
      is_first = false;
    } else {
      text.resize(length);
    }
  }
  return text;
}

/// The beginning of a text, for messages, as readable_text() shows it.
std::string shown(std::string_view text);

}  // namespace canine
