#include "hashed_file.hpp"

#include <utility>

namespace canine {
namespace {

constexpr size_t kMaxQueuedPieces = 32;
constexpr size_t kMaxSmallWrites = size_t{256} << 10;

}  // namespace

void HashedFile::write(std::string_view bytes) {
  file_.write(bytes);
  small_writes_.append(bytes);
  if (small_writes_.size() >= kMaxSmallWrites) queue_small_writes();
}

void HashedFile::write(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  queue_small_writes();
  queue({bytes, std::move(owner)});
  file_.write(bytes);
}

std::string HashedFile::commit() {
  queue_small_writes();
  file_.commit();
  stop_hasher();
  return hash_.hex_digest();
}

void HashedFile::queue_small_writes() {
  if (small_writes_.empty()) return;
  const auto block = std::make_shared<const std::string>(std::exchange(small_writes_, {}));
  queue({std::as_bytes(std::span(*block)), block});
}

void HashedFile::queue(Piece piece) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return pieces_.size() < kMaxQueuedPieces; });
  pieces_.push_back(std::move(piece));
  changed_.notify_all();
}

void HashedFile::hash_pieces() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !pieces_.empty() || complete_; });
    if (pieces_.empty()) return;
    const Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    changed_.notify_all();
    lock.unlock();
    hash_.update(piece.bytes);
    lock.lock();
  }
}

void HashedFile::stop_hasher() {
  if (!hasher_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    complete_ = true;
  }
  changed_.notify_all();
  hasher_.join();
}

}  // namespace canine
