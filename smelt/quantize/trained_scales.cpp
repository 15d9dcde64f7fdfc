#include <cmath>
#include <limits>

#include "smelt/quantize/calibration_report.h"

namespace smelt {
namespace {

/// Mean square of values that are normal with `mean` and `deviation` and then clamped to
/// [low, high], summed over 6 deviations to each side.
double mean_square(double mean, double deviation, double low, double high) {
  constexpr int kSteps = 120;
  double sum = 0;
  double weights = 0;
  for (int i = -kSteps; i <= kSteps; ++i) {
    const double z = 6.0 * i / kSteps;
    const double weight = std::exp(-z * z / 2);
    const double value = std::min(std::max(mean + deviation * z, low), high);
    sum += weight * value * value;
    weights += weight;
  }
  return sum / weights;
}

struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

float value_or(const Tensor* parameter, size_t channel, float fallback) {
  if (!parameter) return fallback;
  const std::span<const float> values = parameter->data.as<float>();
  return channel < values.size() ? values[channel] : fallback;
}

}  // namespace

std::vector<TrainedScale> trained_scales(const Model& model) {
  std::vector<TrainedScale> scales;
  const Graph& graph = model.main();
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type != OpType::batch_normalization || !op.output()) continue;
    TensorId result = op.output();
    Limits limits;
    if (graph.consumers(result).size() == 1 && !graph.is_output(result)) {
      const Op& next = graph.op(graph.consumers(result).front());
      if (next.type == OpType::relu || next.type == OpType::relu6) {
        limits.low = 0;
        if (next.type == OpType::relu6) limits.high = 6;
        result = next.output();
      }
    }
    const Tensor* gamma = graph.constant_input(op, 1);
    const Tensor* beta = graph.constant_input(op, 2);
    const Shape& shape = graph.tensor(op.output()).shape;
    const int32_t channels = shape.rank() > 0 ? std::max(shape.back(), 0) : 0;
    double sum = 0;
    for (int32_t c = 0; c < channels; ++c) {
      const auto channel = static_cast<size_t>(c);
      sum += mean_square(value_or(beta, channel, 0), std::abs(value_or(gamma, channel, 1)),
                         limits.low, limits.high);
    }
    if (channels > 0) scales.push_back({result, op.origin, std::sqrt(sum / channels)});
  }
  return scales;
}

}  // namespace smelt
