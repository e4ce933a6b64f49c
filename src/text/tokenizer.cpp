#include "canine/text/tokenizer.hpp"

#include <algorithm>

#include "canine/core/errors.hpp"
#include "canine/core/utf8.hpp"

namespace canine {
namespace {

constexpr char32_t kMask = 0xE003;

/// Ids of a text that grows at its end, of which only the first ids.size() are kept.
class Writer {
 public:
  explicit Writer(std::span<int64_t> ids) : ids_(ids) {}

  void add(std::string_view text) {
    for (size_t i = 0; i < text.size() && settled_ < ids_.size();) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte > ' ' && byte < 0x80) {
        put(byte);
        ++i;
        settled_ = length_;
        continue;
      }
      const char32_t code_point = next_code_point(text, i);
      if (code_point == kMask) length_ = settled_;
      put(code_point);
      if (!is_python_space(code_point)) settled_ = length_;
    }
  }

  size_t written() const { return std::min(length_, ids_.size()); }

 private:
  void put(char32_t code_point) {
    if (length_ < ids_.size()) ids_[length_] = code_point;
    ++length_;
  }

  std::span<int64_t> ids_;
  size_t length_ = 0;   ///< ids of the text so far, also those that are not kept
  size_t settled_ = 0;  ///< ids that no later character takes back: all but the white space at the end
};

}  // namespace

int64_t tokenize(std::string_view prefix, std::string_view text, std::span<int64_t> ids, std::span<int64_t> mask) {
  if (ids.size() < 2 || mask.size() != ids.size()) {
    throw InternalError("expected room for at least 2 ids and as many mask entries, got {} and {}", ids.size(),
                        mask.size());
  }
  Writer writer(ids.subspan(1, ids.size() - 2));
  writer.add(prefix);
  writer.add(text);
  const size_t num_real = writer.written() + 2;
  ids[0] = CanineId::kCls;
  ids[num_real - 1] = CanineId::kSep;
  std::ranges::fill(ids.subspan(num_real), CanineId::kPad);
  std::ranges::fill(mask.first(num_real), 1);
  std::ranges::fill(mask.subspan(num_real), 0);
  return static_cast<int64_t>(num_real);
}

}  // namespace canine
