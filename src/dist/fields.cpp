#include "fields.hpp"

#include <charconv>
#include <cstdint>

namespace canine {

std::string pack_fields(const std::vector<std::string>& fields) {
  std::string packed;
  for (const std::string& field : fields) packed.append(std::to_string(field.size())).append(":").append(field);
  return packed;
}

std::optional<std::vector<std::string>> unpack_fields(std::string_view packed) {
  std::vector<std::string> fields;
  while (!packed.empty()) {
    const size_t colon = packed.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const int64_t length = number_or(packed.substr(0, colon), -1);
    packed.remove_prefix(colon + 1);
    if (length < 0 || static_cast<uint64_t>(length) > packed.size()) return std::nullopt;
    fields.emplace_back(packed.substr(0, static_cast<size_t>(length)));
    packed.remove_prefix(static_cast<size_t>(length));
  }
  return fields;
}

int64_t number_or(std::string_view text, int64_t otherwise) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? value : otherwise;
}

}  // namespace canine
