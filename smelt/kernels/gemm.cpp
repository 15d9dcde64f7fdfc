#include "smelt/kernels/gemm.h"

#include "smelt/kernels/gemm_targets.h"

namespace smelt {

Requantization::Requantization(const std::vector<FixedMultiplier>& multipliers, int64_t columns,
                               int64_t padded, int32_t zero_point, IntRange values,
                               const std::vector<float>& scales)
    : multiplier(padded),
      left(padded),
      right(padded),
      mask(padded),
      scale(scales.empty() ? 0 : padded),
      real(!scales.empty()),
      zero(zero_point),
      range(values) {
  for (int64_t i = 0; i < columns; ++i) {
    if (real) {
      scale[i] = scales.size() == 1 ? scales[0] : scales.at(i);
      continue;
    }
    const FixedMultiplier m = multipliers.size() == 1 ? multipliers[0] : multipliers.at(i);
    multiplier[i] = m.multiplier;
    left[i] = std::max(m.shift, 0);
    right[i] = std::max(-m.shift, 0);
    mask[i] = static_cast<int32_t>((int64_t{1} << right[i]) - 1);
    any_left = any_left || m.shift > 0;
  }
}

GemmKernels gemm_kernels() {
  const FloatGemmKernel floats = float_gemm_kernel();
  const IntGemmKernel ints = int_gemm_kernel();
  SMELT_CHECK(floats.lanes == ints.lanes);
  return {floats.lanes, floats.run, ints.int8, ints.int16};
}

}  // namespace smelt
