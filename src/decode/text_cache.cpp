#include "canine/decode/text_cache.hpp"

namespace canine {

std::pair<std::shared_ptr<CodedText>, bool> TextCache::find(std::string_view text, size_t prefix_size) {
  if (const auto found = young_.find(text); found != young_.end()) return {found->second, false};
  if (const auto found = old_.find(text); found != old_.end()) {
    const std::shared_ptr<CodedText> known = found->second;
    old_.erase(found);
    remember(known);
    return {known, false};
  }
  auto added = std::make_shared<CodedText>();
  added->text = text;
  added->prefix_size = prefix_size;
  remember(added);
  return {std::move(added), true};
}

void TextCache::remember(const std::shared_ptr<CodedText>& text) {
  const size_t bytes = text->text.size() + bytes_per_text_;
  if (young_bytes_ + bytes > max_bytes_ / 2) {
    old_.swap(young_);
    young_.clear();
    young_bytes_ = 0;
  }
  young_.emplace(text->text, text);
  young_bytes_ += bytes;
}

}  // namespace canine
