#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "canine/core/file.hpp"
#include "canine/core/sha256.hpp"

namespace canine {

/// A file that appears whole or not at all (AtomicFile) and whose SHA-256 a second thread computes while the bytes are
/// in the processor's cache.
class HashedFile {
 public:
  explicit HashedFile(const std::filesystem::path& path) : file_(path), hasher_([this] { hash_pieces(); }) {}
  ~HashedFile() { stop_hasher(); }
  HashedFile(const HashedFile&) = delete;
  HashedFile& operator=(const HashedFile&) = delete;

  /// Appends bytes that are copied where needed.
  void write(std::string_view bytes);

  /// Appends bytes that are not copied: `owner` keeps them alive until they are hashed.
  void write(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  uint64_t size() const { return file_.size(); }

  /// Syncs, renames, and returns the SHA-256 of the whole file.
  std::string commit();

 private:
  struct Piece {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };

  void queue_small_writes();
  void queue(Piece piece);
  void hash_pieces();
  void stop_hasher();

  AtomicFile file_;
  Sha256 hash_;
  std::string small_writes_;  ///< written, not yet queued
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  bool complete_ = false;
  std::thread hasher_;  ///< last member: it uses the others
};

}  // namespace canine
