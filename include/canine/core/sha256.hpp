#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace canine {

/// Incremental SHA-256 (FIPS 180-4) by OpenSSL, which uses the processor's SHA instructions.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);

  /// 64 lower-case hex digits. The object cannot be updated afterwards.
  std::string hex_digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_of(std::string_view text);

/// Hash of a file's bytes, read in pieces of 1 MiB. Throws IoError.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace canine
