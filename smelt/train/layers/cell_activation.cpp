#include "smelt/train/layers/cell_activation.h"

#include <cmath>

namespace smelt::train {
namespace {

constexpr float kSqrtHalf = 0.70710678118654752440f;
constexpr float kDensity = 0.39894228040143267794f;  // 1 / sqrt(2 pi)
constexpr float kSeluAlpha = 1.6732632423543772f;
constexpr float kSeluScale = 1.0507009873554805f;

float inside(float y, float low, float high) { return y > low && y < high ? 1.0f : 0.0f; }

float swish_slope(float x) {
  const float s = 1 / (1 + std::exp(-x));
  return s + x * s * (1 - s);
}

float gelu_slope(float x) {
  return 0.5f * std::erfc(-x * kSqrtHalf) + x * kDensity * std::exp(-0.5f * x * x);
}

float hard_swish_slope(float x) { return x <= -3 ? 0.0f : x >= 3 ? 1.0f : x / 3 + 0.5f; }

float softsign_slope(float y) { return (1 - std::abs(y)) * (1 - std::abs(y)); }

}  // namespace

bool slope_needs_input(CellActivation activation) {
  return activation == CellActivation::swish || activation == CellActivation::gelu ||
         activation == CellActivation::hard_swish;
}

void multiply_by_slope(CellActivation activation, const float* x, const float* y, int64_t count,
                       float* dy) {
  const auto from_result = [&](auto slope) {
    for (int64_t i = 0; i < count; ++i) dy[i] *= slope(y[i]);
  };
  const auto from_input = [&](auto slope) {
    for (int64_t i = 0; i < count; ++i) dy[i] *= slope(x[i]);
  };
  switch (activation) {
    case CellActivation::linear:
      return;
    case CellActivation::tanh:
      return from_result([](float v) { return 1 - v * v; });
    case CellActivation::sigmoid:
      return from_result([](float v) { return v * (1 - v); });
    case CellActivation::hard_sigmoid:
      return from_result([](float v) { return 0.2f * inside(v, 0, 1); });
    case CellActivation::hard_sigmoid_6:
      return from_result([](float v) { return inside(v, 0, 1) / 6; });
    case CellActivation::relu:
      return from_result([](float v) { return v > 0 ? 1.0f : 0.0f; });
    case CellActivation::relu6:
      return from_result([](float v) { return inside(v, 0, 6); });
    case CellActivation::leaky_relu:
      return from_result([](float v) { return v > 0 ? 1.0f : 0.2f; });
    case CellActivation::elu:
      return from_result([](float v) { return v > 0 ? 1.0f : v + 1; });
    case CellActivation::selu:
      return from_result([](float v) { return v > 0 ? kSeluScale : v + kSeluScale * kSeluAlpha; });
    case CellActivation::softplus:
      return from_result([](float v) { return 1 - std::exp(-v); });
    case CellActivation::softsign:
      return from_result(softsign_slope);
    case CellActivation::exponential:
      return from_result([](float v) { return v; });
    case CellActivation::swish:
      return from_input(swish_slope);
    case CellActivation::gelu:
      return from_input(gelu_slope);
    case CellActivation::hard_swish:
      return from_input(hard_swish_slope);
  }
}

}  // namespace smelt::train
