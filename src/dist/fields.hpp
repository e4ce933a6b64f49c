#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace canine {

/// Several texts in one value of the job's store: each as "length:bytes". Bytes of any kind survive.
std::string pack_fields(const std::vector<std::string>& fields);

/// The texts again; nullopt if `packed` is not what pack_fields makes (the store is open to its network).
std::optional<std::vector<std::string>> unpack_fields(std::string_view packed);

/// A whole number of 64 bits, or `otherwise`.
int64_t number_or(std::string_view text, int64_t otherwise);

}  // namespace canine
