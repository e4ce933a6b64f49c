#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "canine/core/errors.hpp"

namespace canine {

/// Appends the low `bytes` bytes (at most 8) of a number, lowest first.
inline void put_little_endian(std::string& out, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
}

/// A name out of a file as it may be shown: without control characters, and not too long.
inline std::string printable(std::string_view name) {
  constexpr size_t kMaxShown = 200;
  std::string shown(name.substr(0, kMaxShown));
  for (char& byte : shown) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = '?';
  }
  return name.size() > kMaxShown ? shown + "..." : shown;
}

/// Walks over bytes of a file; whoever asks for more than there is gets a CheckpointError with place and position.
class ByteReader {
 public:
  /// `what` names the bytes in messages ("a.bin: data.pkl"); positions are counted from `origin`.
  ByteReader(std::string_view bytes, std::string what, uint64_t origin = 0)
      : bytes_(bytes), what_(std::move(what)), origin_(origin) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  std::string_view take(uint64_t count) {
    if (count > remaining()) {
      fail(fmt::format("it ends here, {} bytes more were expected (the file is cut off or damaged)",
                       count - remaining()));
    }
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }

  /// Unsigned little-endian number of so many bytes (at most 8).
  uint64_t number(int bytes) {
    uint64_t value = 0;
    int shift = 0;
    for (const char byte : take(static_cast<uint64_t>(bytes))) {
      value |= uint64_t{static_cast<unsigned char>(byte)} << shift;
      shift += 8;
    }
    return value;
  }

  /// Text up to a line feed, which is skipped; at most `limit` bytes.
  std::string_view line(size_t limit) {
    const size_t end = bytes_.substr(0, std::min(bytes_.size(), position_ + limit + 1)).find('\n', position_);
    if (end == std::string_view::npos) fail("a line end was expected");
    const std::string_view text = take(end - position_);
    take(1);
    return text;
  }

  [[noreturn]] void fail(std::string_view problem) const {
    throw CheckpointError("{}, byte {}: {}", what_, origin_ + position_, problem);
  }

 private:
  std::string_view bytes_;
  std::string what_;
  uint64_t origin_;
  size_t position_ = 0;
};

}  // namespace canine
