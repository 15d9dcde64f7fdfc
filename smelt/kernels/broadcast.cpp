#include "smelt/kernels/broadcast.h"

#include <vector>

namespace smelt {
namespace {

/// Strides of an operand over the output's axes, 0 where it is repeated.
std::vector<int64_t> spread_strides(const Operand& operand, const Operand& output) {
  const int rank = output.shape.rank();
  const int shift = rank - operand.shape.rank();
  std::vector<int64_t> strides(static_cast<size_t>(rank), 0);
  bool fits = shift >= 0;
  int64_t stride = 1;
  for (int i = operand.shape.rank() - 1; fits && i >= 0; --i) {
    const int32_t size = operand.shape[i];
    fits = size == output.shape[i + shift] || size == 1;
    if (size != 1) strides[static_cast<size_t>(i + shift)] = stride;
    stride *= size;
  }
  if (!fits) {
    fail(ErrorKind::bad_file, "{} of shape {} does not spread over {} of shape {}", operand.name,
         to_string(operand.shape), output.name, to_string(output.shape));
  }
  return strides;
}

}  // namespace

template <size_t N>
Broadcast<N> make_broadcast(const std::array<const Operand*, N>& operands, const Operand& output) {
  std::array<std::vector<int64_t>, N> strides;
  for (size_t k = 0; k < N; ++k) strides[k] = spread_strides(*operands[k], output);

  std::vector<int64_t> size;
  std::vector<std::array<int64_t, N>> stride;
  for (int i = 0; i < output.shape.rank(); ++i) {
    const int64_t n = output.shape[i];
    if (n == 1) continue;
    std::array<int64_t, N> here{};
    bool merges = !size.empty();
    for (size_t k = 0; k < N; ++k) {
      here[k] = strides[k][static_cast<size_t>(i)];
      merges = merges && stride.back()[k] == here[k] * n;
    }
    if (merges) {
      size.back() *= n;
      stride.back() = here;
    } else {
      size.push_back(n);
      stride.push_back(here);
    }
  }

  Broadcast<N> plan;
  if (size.empty()) {
    plan.advances.fill(true);
    return plan;
  }
  plan.row = size.back();
  for (size_t k = 0; k < N; ++k) plan.advances[k] = stride.back()[k] != 0;
  plan.outer_rank = static_cast<int>(size.size()) - 1;
  if (plan.outer_rank > Broadcast<N>::kMaxRank) {
    fail(ErrorKind::unsupported, "{} is spread over {} axes; at most {} have a kernel", output.name,
         size.size(), Broadcast<N>::kMaxRank + 1);
  }
  for (int i = 0; i < plan.outer_rank; ++i) {
    const auto a = static_cast<size_t>(i);
    plan.size[a] = size[a];
    plan.stride[a] = stride[a];
    plan.rows *= size[a];
  }
  if (output.shape.elements() == 0) plan.row = 0;
  return plan;
}

template Broadcast<1> make_broadcast<1>(const std::array<const Operand*, 1>&, const Operand&);
template Broadcast<2> make_broadcast<2>(const std::array<const Operand*, 2>&, const Operand&);
template Broadcast<3> make_broadcast<3>(const std::array<const Operand*, 3>&, const Operand&);

}  // namespace smelt
