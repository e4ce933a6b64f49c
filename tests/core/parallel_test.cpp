#include "canine/core/parallel.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace canine {
namespace {

struct Chunk {
  int64_t begin = -1;
  int64_t end = -1;
};

std::vector<Chunk> chunks_of(int64_t num_items, int num_chunks, int64_t min_items) {
  std::vector<Chunk> chunks(64);
  std::mutex mutex;
  const int made = parallel_chunks(num_items, num_chunks, min_items, [&](int64_t begin, int64_t end, int chunk) {
    const std::lock_guard lock(mutex);
    CHECK(chunks.at(static_cast<size_t>(chunk)).begin == -1);
    chunks[static_cast<size_t>(chunk)] = {begin, end};
  });
  chunks.resize(static_cast<size_t>(made));
  return chunks;
}

TEST_CASE("Chunks cover all items once, in order and in nearly equal parts") {
  for (const int64_t num_items : {1, 2, 7, 16, 1000}) {
    for (const int num_chunks : {1, 2, 3, 16, 60}) {
      const std::vector<Chunk> chunks = chunks_of(num_items, num_chunks, 1);
      CHECK(static_cast<int64_t>(chunks.size()) == std::min<int64_t>(num_items, num_chunks));
      int64_t next = 0;
      for (const Chunk& chunk : chunks) {
        CHECK(chunk.begin == next);
        const int64_t size = chunk.end - chunk.begin;
        CHECK(size >= num_items / static_cast<int64_t>(chunks.size()));
        CHECK(size <= num_items / static_cast<int64_t>(chunks.size()) + 1);
        next = chunk.end;
      }
      CHECK(next == num_items);
    }
  }
}

TEST_CASE("Few items make fewer chunks, none make none") {
  CHECK(chunks_of(10, 8, 4).size() == 2);
  CHECK(chunks_of(3, 8, 4).size() == 1);
  CHECK(chunks_of(0, 8, 1).empty());
  CHECK(chunks_of(-5, 8, 1).empty());
  CHECK(chunks_of(1'000'000, 0, 1).size() == static_cast<size_t>(available_processors()));
  CHECK(available_processors() >= 1);
}

TEST_CASE("The exception of the lowest chunk comes out, after all chunks are done") {
  std::atomic<int> num_done = 0;
  const auto body = [&](int64_t, int64_t, int chunk) {
    ++num_done;
    if (chunk == 1 || chunk == 3) throw std::runtime_error("chunk " + std::to_string(chunk));
  };
  CHECK_THROWS_MATCHES(parallel_chunks(4, 4, 1, body), std::runtime_error, Catch::Matchers::Message("chunk 1"));
  CHECK(num_done == 4);
}

TEST_CASE("Chunks run on threads of their own") {
  std::mutex mutex;
  std::vector<std::thread::id> ids;
  parallel_chunks(3, 3, 1, [&](int64_t, int64_t, int) {
    const std::lock_guard lock(mutex);
    ids.push_back(std::this_thread::get_id());
  });
  REQUIRE(ids.size() == 3);
  CHECK(ids[0] != ids[1]);
  CHECK(ids[1] != ids[2]);
  CHECK(ids[0] != ids[2]);
}

}  // namespace
}  // namespace canine
