#include <array>

#include "smelt/kernels/kernel.h"

namespace smelt {
namespace {

struct Row {
  OpType type;
  PrepareKernel prepare;
};

// One row per op, in the order of the family headers above.
constexpr Row kRows[] = {
    {OpType::custom, nullptr},
};

constexpr std::array<PrepareKernel, kOpTypeCount> make_table() {
  std::array<PrepareKernel, kOpTypeCount> table{};
  for (const Row& row : kRows) table[static_cast<size_t>(row.type)] = row.prepare;
  return table;
}

constexpr auto kTable = make_table();

}  // namespace

PrepareKernel find_kernel(OpType type) { return kTable[static_cast<size_t>(type)]; }

}  // namespace smelt
