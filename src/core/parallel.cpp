#include "canine/core/parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include "canine/core/cpu_quota.hpp"

namespace canine {

int available_processors() {
  static const std::optional<double> quota = cpu_quota();
  cpu_set_t mask;
  const int count = sched_getaffinity(0, sizeof mask, &mask) == 0
                        ? CPU_COUNT(&mask)
                        : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, quota ? std::min(count, threads_of_quota(*quota)) : count);
}

int parallel_chunks(int64_t num_items, int num_chunks, int64_t min_items,
                    const std::function<void(int64_t, int64_t, int)>& body) {
  if (num_items <= 0) return 0;
  if (num_chunks <= 0) num_chunks = available_processors();
  const int64_t most = std::max<int64_t>(1, num_items / std::max<int64_t>(1, min_items));
  const int chunks = static_cast<int>(std::min<int64_t>(num_chunks, most));
  std::vector<std::exception_ptr> errors(static_cast<size_t>(chunks));
  const auto run = [&](int chunk) {
    try {
      body(num_items * chunk / chunks, num_items * (chunk + 1) / chunks, chunk);
    } catch (...) {
      errors[static_cast<size_t>(chunk)] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int chunk = 1; chunk < chunks; ++chunk) threads.emplace_back(run, chunk);
    run(0);
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return chunks;
}

}  // namespace canine
