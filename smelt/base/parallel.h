#pragma once

#include <cstdint>
#include <functional>

namespace smelt {

/// The number of hardware threads this process may use; at least 1.
int available_threads();

/// Calls body(worker, index) for every index in [0, count), on up to `threads` threads, each index
/// exactly once, in increasing order within a worker. worker is in [0, threads). Blocks until all
/// are done; the first exception of any worker stops the others and is rethrown here.
void parallel_for(int64_t count, int threads, const std::function<void(int, int64_t)>& body);

}  // namespace smelt
