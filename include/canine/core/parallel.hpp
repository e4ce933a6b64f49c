#pragma once

#include <cstdint>
#include <functional>

namespace canine {

/// Number of processors this process may use: those of its affinity mask, or as many as its CPU quota is worth when
/// that is less (core/cpu_quota.hpp); at least 1.
int available_processors();

/// Calls `body(begin, end, chunk)` for `num_chunks` equal parts of [0, num_items) on as many threads and waits for all.
/// Chunks are numbered in order of their items. The first exception (lowest chunk) is thrown again here.
/// num_chunks <= 0 takes one per available processor; few items give fewer chunks (at least `min_items` each).
/// Returns the number of chunks.
int parallel_chunks(int64_t num_items, int num_chunks, int64_t min_items,
                    const std::function<void(int64_t begin, int64_t end, int chunk)>& body);

}  // namespace canine
