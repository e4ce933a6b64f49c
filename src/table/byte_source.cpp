#include "byte_source.hpp"

#include <algorithm>

namespace canine {

size_t FileSource::read(std::span<std::byte> out) {
  const auto bytes = static_cast<size_t>(std::min<uint64_t>(out.size(), file_->size() - position_));
  file_->read(position_, out.first(bytes));
  position_ += bytes;
  return bytes;
}

double FileSource::share_read() const {
  return file_->size() == 0 ? 1 : static_cast<double>(position_) / static_cast<double>(file_->size());
}

}  // namespace canine
