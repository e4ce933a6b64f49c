#include "canine/model/host_memory.hpp"

#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <thread>
#include <vector>

namespace canine {
namespace {

constexpr int64_t kMiB = 1 << 20;

at::Tensor bytes(int64_t count) { return at::empty({count}, at::kByte); }

TEST_CASE("Memory of freed large tensors serves the next ones") {
  const at::Tensor older = at::full({2 * kMiB}, 7, at::kByte);
  recycle_host_memory();
  recycle_host_memory();
  const HostMemoryUse before = host_memory_use();
  at::Tensor first = bytes(5 * kMiB);
  const void* place = first.const_data_ptr();
  CHECK(reinterpret_cast<uintptr_t>(place) % 64 == 0);
  CHECK(host_memory_use().in_use >= before.in_use + 5 * kMiB);
  first.fill_(1);
  first.reset();
  CHECK(host_memory_use().in_use == before.in_use);
  const at::Tensor second = bytes(5 * kMiB - 100);
  CHECK(second.const_data_ptr() == place);
  CHECK(older.eq(7).all().item<bool>());
}

TEST_CASE("Small tensors do not count") {
  recycle_host_memory();
  const HostMemoryUse before = host_memory_use();
  const at::Tensor small = bytes(kMiB / 2);
  CHECK(host_memory_use().in_use == before.in_use);
}

TEST_CASE("What is kept is bounded by a quarter of what was in use at once") {
  recycle_host_memory();
  const size_t most = 64 * kMiB;
  for (int64_t size = 2; size <= 64; ++size) bytes(size * kMiB).fill_(1);  // many sizes, one at a time
  const HostMemoryUse use = host_memory_use();
  CHECK(use.in_use + use.kept <= most + most / 4 + 16 * kMiB);
}

TEST_CASE("Threads may make and free tensors at once, also each other's") {
  recycle_host_memory();
  const size_t before = host_memory_use().in_use;
  std::vector<std::thread> threads;
  std::vector<at::Tensor> handed_over(4);
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      bool good = true;
      for (int i = 0; i < 50; ++i) {
        const at::Tensor tensor = bytes((2 + static_cast<int64_t>(t)) * kMiB);
        tensor.select(0, 0).fill_(static_cast<int64_t>(t));
        tensor.select(0, kMiB).fill_(static_cast<int64_t>(t));
        good = good && tensor.const_data_ptr<uint8_t>()[0] == t && tensor.const_data_ptr<uint8_t>()[kMiB] == t;
        if (good) handed_over[t] = tensor;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const at::Tensor& tensor : handed_over) CHECK(tensor.defined());
  handed_over.clear();
  CHECK(host_memory_use().in_use == before);
}

}  // namespace
}  // namespace canine
