#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "canine/core/sha256.hpp"

namespace canine {

/// SHA-256 over fields: it tells "ab", "c" from "a", "bc", and an empty field from a missing one. Short fields are
/// collected, so that the hash gets their bytes in large pieces.
class FieldHash {
 public:
  void add(std::string_view field);
  void add_missing();
  void add_number(uint64_t number);

  /// 64 hex digits. Nothing can be added afterwards.
  std::string hex_digest();

 private:
  void flush();

  Sha256 hash_;
  std::string buffer_;
};

}  // namespace canine
