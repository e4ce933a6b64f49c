#include "canine/core/sha256.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"

namespace canine {

struct Sha256::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(handle); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (EVP_DigestInit_ex(context_->handle, EVP_sha256(), nullptr) != 1) throw InternalError("SHA-256 is not available");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size());
}

void Sha256::update(std::string_view text) { update(std::as_bytes(std::span(text))); }

std::string Sha256::hex_digest() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(context_->handle, digest.data(), nullptr);
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex_digest();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  const RandomAccessFile file(path);
  Sha256 hash;
  std::vector<std::byte> piece(std::min<uint64_t>(file.size(), uint64_t{1} << 20));
  for (uint64_t offset = 0; offset < file.size(); offset += piece.size()) {
    const auto part = std::span(piece).first(std::min<uint64_t>(piece.size(), file.size() - offset));
    file.read(offset, part);
    hash.update(part);
  }
  return hash.hex_digest();
}

}  // namespace canine
