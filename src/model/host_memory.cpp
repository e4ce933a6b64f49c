#include "canine/model/host_memory.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>

namespace canine {
namespace {

constexpr size_t kSmallest = size_t{1} << 20;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kStepsPerOctave = 8;  // block sizes between powers of two: at most an eighth of a block is unused

size_t block_size(size_t bytes) {
  const size_t step = std::bit_floor(bytes) / kStepsPerOctave;
  return (bytes + step - 1) / step * step;
}

/// Fresh zero pages from the kernel, at a multiple of the huge page size.
void* map_block(size_t size) {
  const size_t padded = size + kHugePage;
  void* raw = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const size_t past = reinterpret_cast<uintptr_t>(raw) % kHugePage;
  const size_t before = past == 0 ? 0 : kHugePage - past;
  char* block = static_cast<char*>(raw) + before;
  if (before > 0) munmap(raw, before);
  if (const size_t after = kHugePage - before; after > 0) munmap(block + size, after);
  madvise(block, size, MADV_HUGEPAGE);  // a wish; systems without huge pages refuse it
  return block;
}

class RecyclingAllocator final : public c10::Allocator {
 public:
  explicit RecyclingAllocator(c10::Allocator* small) : small_(small) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kSmallest) return small_->allocate(bytes);
    void* block = take(block_size(bytes));
    return {block, block, &free_any, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &free_any; }

  void copy_data(void* destination, const void* source, size_t bytes) const override {
    default_copy_data(destination, source, bytes);
  }

  HostMemoryUse use() {
    const std::scoped_lock lock(mutex_);
    return {in_use_, kept_};
  }

 private:
  void* take(size_t size) {
    const std::scoped_lock lock(mutex_);
    void* block = take_kept(size);
    if (block == nullptr) {
      release_kept(size);
      block = map_block(size);
      if (block == nullptr) throw std::bad_alloc();
      sizes_[block] = size;
    }
    in_use_ += sizes_[block];
    most_in_use_ = std::max(most_in_use_, in_use_);
    return block;
  }

  /// The smallest kept block that fits without wasting more than a quarter.
  void* take_kept(size_t size) {
    const auto found = free_.lower_bound(size);
    if (found == free_.end() || found->first > size + size / 4) return nullptr;
    void* block = found->second;
    kept_ -= found->first;
    free_.erase(found);
    return block;
  }

  /// Gives blocks back to the system so that `size` more bytes stay within the bound on what is kept.
  void release_kept(size_t size) {
    const size_t bound = std::max(most_in_use_, in_use_ + size) / 4 * 5;
    while (!free_.empty() && in_use_ + kept_ + size > bound) {
      const auto largest = std::prev(free_.end());
      munmap(largest->second, largest->first);
      sizes_.erase(largest->second);
      kept_ -= largest->first;
      free_.erase(largest);
    }
  }

  /// True if the block was one of this allocator's.
  bool give(void* block) {
    const std::scoped_lock lock(mutex_);
    const auto found = sizes_.find(block);
    if (found == sizes_.end()) return false;
    in_use_ -= found->second;
    kept_ += found->second;
    free_.emplace(found->second, block);
    return true;
  }

  static void free_any(void* block);

  c10::Allocator* small_;
  std::mutex mutex_;
  std::unordered_map<void*, size_t> sizes_;  // of all blocks, in use or kept
  std::multimap<size_t, void*> free_;
  size_t in_use_ = 0;
  size_t kept_ = 0;
  size_t most_in_use_ = 0;
};

/// Never destroyed: tensors in static storage outlive everything else.
RecyclingAllocator& allocator() {
  static auto* const kInstance = new RecyclingAllocator(c10::GetDefaultCPUAllocator());
  return *kInstance;
}

void RecyclingAllocator::free_any(void* block) {
  if (!allocator().give(block)) c10::free_cpu(block);
}

}  // namespace

void recycle_host_memory() {
  constexpr uint8_t kPriority = 1;  // above the default allocator's 0
  c10::SetCPUAllocator(&allocator(), kPriority);
}

HostMemoryUse host_memory_use() { return allocator().use(); }

}  // namespace canine
