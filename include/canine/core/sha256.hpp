#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "canine/core/digest.hpp"

namespace canine {

/// Incremental SHA-256.
class Sha256 : public Digest {
 public:
  Sha256() : Digest(Algorithm::kSha256) {}
};

std::string sha256_of(std::string_view text);

/// Hash of a file's bytes. Throws IoError.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace canine
