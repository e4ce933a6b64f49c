#include "canine/core/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

#include "canine/core/errors.hpp"
#include "canine/core/file.hpp"

namespace canine {

struct Digest::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(handle); }
};

Digest::Digest(Algorithm algorithm) : context_(std::make_unique<Context>()) {
  const bool is_sha1 = algorithm == Algorithm::kSha1;
  if (EVP_DigestInit_ex(context_->handle, is_sha1 ? EVP_sha1() : EVP_sha256(), nullptr) != 1) {
    throw InternalError("{} is not available", is_sha1 ? "SHA-1" : "SHA-256");
  }
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size());
}

void Digest::update(std::string_view text) { update(std::as_bytes(std::span(text))); }

void Digest::update_from_file(const std::filesystem::path& path) {
  const RandomAccessFile file(path);
  std::vector<std::byte> piece(std::min<uint64_t>(file.size(), uint64_t{1} << 20));
  for (uint64_t offset = 0; offset < file.size(); offset += piece.size()) {
    const auto part = std::span(piece).first(std::min<uint64_t>(piece.size(), file.size() - offset));
    file.read(offset, part);
    update(part);
  }
}

std::string Digest::hex_digest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context_->handle, digest.data(), &size);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace canine
