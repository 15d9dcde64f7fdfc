#include "smelt/kernels/batch_norm.h"

#include <cmath>

#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

enum Input : size_t { kX, kGamma, kBeta, kMean, kVariance };

/// factor and offset per channel; gamma and beta may be null.
void make_factors(const float* gamma, const float* beta, const float* mean, const float* variance,
                  float epsilon, int64_t channels, float* factor, float* offset) {
  for (int64_t c = 0; c < channels; ++c) {
    factor[c] = (gamma != nullptr ? gamma[c] : 1.0f) / std::sqrt(variance[c] + epsilon);
    offset[c] = (beta != nullptr ? beta[c] : 0.0f) - mean[c] * factor[c];
  }
}

void normalize(const AxisSplit& split, const float* x, const float* factor, const float* offset,
               float* y) {
  for (int64_t outer = 0; outer < split.outer; ++outer) {
    if (split.inner == 1) {
      for (int64_t c = 0; c < split.axis; ++c) y[c] = x[c] * factor[c] + offset[c];
      x += split.axis;
      y += split.axis;
      continue;
    }
    for (int64_t c = 0; c < split.axis; ++c, x += split.inner, y += split.inner) {
      for (int64_t i = 0; i < split.inner; ++i) y[i] = x[i] * factor[c] + offset[c];
    }
  }
}

}  // namespace

Kernel prepare_batch_normalization(const PrepareArgs& args) {
  const auto& a = attributes_of<BatchNormalizationAttributes>(args);
  const Operand& x = args.input(kX);
  require_type(x, {DataType::float32});
  require_same_type(x, args.output());
  require_same_shape(x, args.output());
  const AxisSplit split = split_at(x.shape, normalized_axis(a.axis, x.shape.rank()));
  args.input(kMean);
  args.input(kVariance);
  for (size_t i = kGamma; i <= kVariance; ++i) {
    if (!args.has_input(i)) continue;
    require_type(args.input(i), {DataType::float32});
    require_shape(args.input(i), Shape{static_cast<int32_t>(split.axis)});
  }
  const float epsilon = a.epsilon;
  const int64_t channels = split.axis;
  return {[split, epsilon, channels](const InvokeArgs& in) {
            auto* factor = reinterpret_cast<float*>(in.scratch);
            make_factors(in.in<float>(kGamma), in.in<float>(kBeta), in.in<float>(kMean),
                         in.in<float>(kVariance), epsilon, channels, factor, factor + channels);
            normalize(split, in.in<float>(kX), factor, factor + channels, in.out<float>());
          },
          checked_mul(channels, 2 * static_cast<int64_t>(sizeof(float)), "channels")};
}

}  // namespace smelt
