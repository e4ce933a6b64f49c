#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace canine {

/// An incremental hash (FIPS 180-4) by OpenSSL, which uses the processor's SHA instructions.
class Digest {
 public:
  enum class Algorithm { kSha1, kSha256 };

  explicit Digest(Algorithm algorithm);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);

  /// Adds a file's bytes, read in pieces of 1 MiB. Throws IoError.
  void update_from_file(const std::filesystem::path& path);

  /// 40 or 64 lower-case hex digits. The object cannot be updated afterwards.
  std::string hex_digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace canine
