#include "smelt/run/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace smelt {
namespace {

int64_t aligned(int64_t bytes, int64_t alignment) {
  int64_t result = 0;
  if (bytes < 0 || __builtin_add_overflow(bytes, alignment - 1, &result)) {
    fail(ErrorKind::unsupported, "a tensor of {} bytes does not fit into memory", bytes);
  }
  return result / alignment * alignment;
}

}  // namespace

std::vector<int64_t> plan_greedily(std::span<const MemoryRequest> requests, int64_t alignment,
                                   int64_t& total) {
  const size_t count = requests.size();
  std::vector<int64_t> sizes(count);
  for (size_t i = 0; i < count; ++i) sizes[i] = aligned(requests[i].bytes, alignment);

  const auto given = [&](size_t i) { return requests[i].offset >= 0; };
  std::vector<size_t> by_size(count);
  std::iota(by_size.rbegin(), by_size.rend(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(), [&](size_t a, size_t b) {
    return given(a) != given(b) ? given(a) : !given(a) && sizes[a] > sizes[b];
  });

  std::vector<int64_t> offsets(count, 0);
  std::vector<size_t> placed;  // by offset
  total = 0;
  for (const size_t i : by_size) {
    int64_t offset = std::max<int64_t>(requests[i].offset, 0);
    for (const size_t other : placed) {
      if (given(i)) break;
      const bool alive_together =
          requests[other].first <= requests[i].last && requests[i].first <= requests[other].last;
      if (!alive_together) continue;
      if (offsets[other] - offset >= sizes[i]) break;
      offset = std::max(offset, offsets[other] + sizes[other]);
    }
    int64_t end = 0;
    if (__builtin_add_overflow(offset, sizes[i], &end)) {
      fail(ErrorKind::unsupported, "the tensors do not fit into memory");
    }
    offsets[i] = offset;
    total = std::max(total, end);
    const auto behind = std::upper_bound(placed.begin(), placed.end(), offset,
                                         [&](int64_t o, size_t p) { return o < offsets[p]; });
    placed.insert(behind, i);
  }
  return offsets;
}

}  // namespace smelt
