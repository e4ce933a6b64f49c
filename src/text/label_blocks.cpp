#include "label_blocks.hpp"

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"
#include "canine/text/readable_text.hpp"

namespace canine {
namespace {

void require_length(const BlockLayout& layout, size_t length) {
  if (static_cast<int64_t>(length) == layout.sequence_length()) return;
  throw InternalError("expected {} label indices, got {}", layout.sequence_length(), length);
}

}  // namespace

std::span<int64_t> frame_blocks(const BlockLayout& layout, std::span<int64_t> out) {
  require_length(layout, out.size());
  out.front() = LabelIndex::kBos;
  out.back() = LabelIndex::kEos;
  return out.subspan(1, out.size() - 2);
}

std::span<const int64_t> blocks_of(const BlockLayout& layout, std::span<const int64_t> sequence) {
  require_length(layout, sequence.size());
  return sequence.subspan(1, sequence.size() - 2);
}

std::string shown(std::string_view text) {
  constexpr size_t kLongest = 60;
  size_t end = 0;
  while (end < text.size() && end < kLongest) next_code_point(text, end);
  return readable_text(text.substr(0, end));
}

}  // namespace canine
