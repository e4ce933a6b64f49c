#include "canine/core/field_hash.hpp"

#include <limits>

namespace canine {

void FieldHash::add(std::string_view field) {
  constexpr size_t kPiece = size_t{1} << 16;
  add_number(field.size());
  buffer_.append(field);
  if (buffer_.size() >= kPiece) flush();
}

void FieldHash::add_missing() { add_number(std::numeric_limits<uint64_t>::max()); }

void FieldHash::add_number(uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) buffer_ += static_cast<char>(number >> shift);
}

std::string FieldHash::hex_digest() {
  flush();
  return hash_.hex_digest();
}

void FieldHash::flush() {
  hash_.update(buffer_);
  buffer_.clear();
}

}  // namespace canine
