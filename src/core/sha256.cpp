#include "canine/core/sha256.hpp"

namespace canine {

std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex_digest();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  Sha256 hash;
  hash.update_from_file(path);
  return hash.hex_digest();
}

}  // namespace canine
