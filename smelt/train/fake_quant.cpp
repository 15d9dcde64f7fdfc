#include "smelt/train/fake_quant.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/train/blocks/row_math.h"

namespace smelt::train {

void FakeQuant::follow_range() {
  if (range == nullptr) return;
  // The range always holds 0, so that padding and ReLU are exact.
  const float min = std::min(range->data[0], 0.0f);
  const float max = std::max(range->data[1], 0.0f);
  if (symmetric) {
    const float largest = std::max(-min, max);
    scale = std::max(largest / static_cast<float>(high), std::numeric_limits<float>::min());
    zero_point = 0;
    return;
  }
  scale = std::max((max - min) / static_cast<float>(high - low), std::numeric_limits<float>::min());
  const float zero = static_cast<float>(low) - min / scale;
  zero_point = static_cast<int32_t>(
      std::lround(std::clamp(zero, static_cast<float>(low), static_cast<float>(high))));
}

void fake_quantize(const FakeQuant& quant, const float* x, float* y, int64_t count) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const RowTransform transform{.low = -kInfinity,
                               .high = kInfinity,
                               .step = quant.scale,
                               .quant_low = quant.real_low(),
                               .quant_high = quant.real_high()};
  transform_rows({.rows = 1, .stride = count, .channels = count}, transform, x, y);
}

}  // namespace smelt::train
