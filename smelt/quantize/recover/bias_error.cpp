#include "smelt/quantize/recover/bias_error.h"

#include "smelt/base/parallel.h"
#include "smelt/kernels/fixed_point.h"

namespace smelt {
namespace {

struct Sums {
  std::vector<double> error;
  std::vector<int64_t> count;
};

/// Real values between which a result is not clamped.
FloatRange open_range(const Tensor& form, Activation activation) {
  FloatRange range = activation_range(activation);
  if (!form.quantization.quantized()) return range;
  const float scale = form.quantization.scale[0];
  const auto zero = static_cast<float>(form.quantization.zero_point[0]);
  const IntRange type = range_of(form.type);
  range.low = std::max(range.low, scale * (static_cast<float>(type.low) - zero)) + scale / 2;
  range.high = std::min(range.high, scale * (static_cast<float>(type.high) - zero)) - scale / 2;
  return range;
}

Sums sample_sums(const LayerInput& floats, const LayerInput& quantized, int64_t sample,
                 FloatRange range) {
  std::vector<float> f, q;
  load_sample(*floats.activations, floats.form, sample, floats.id, f);
  load_sample(*quantized.activations, quantized.form, sample, quantized.id, q);
  const auto channels = static_cast<size_t>(floats.form.shape.back());
  Sums sums{std::vector<double>(channels), std::vector<int64_t>(channels)};
  for (size_t i = 0; i < f.size(); ++i) {
    if (!(q[i] > range.low && q[i] < range.high)) continue;
    sums.error[i % channels] += static_cast<double>(f[i]) - q[i];
    ++sums.count[i % channels];
  }
  return sums;
}

}  // namespace

std::vector<double> mean_errors(const LayerInput& floats, const LayerInput& quantized,
                                const std::vector<int64_t>& samples, Activation activation,
                                int threads) {
  const FloatRange range = open_range(quantized.form, activation);
  std::vector<Sums> sums(samples.size());
  parallel_for(static_cast<int64_t>(samples.size()), threads, [&](int, int64_t i) {
    const auto at = static_cast<size_t>(i);
    sums[at] = sample_sums(floats, quantized, samples[at], range);
  });
  std::vector<double> means;
  for (size_t c = 0; !sums.empty() && c < sums[0].error.size(); ++c) {
    double error = 0, count = 0;
    for (const Sums& sample : sums) {
      error += sample.error[c];
      count += static_cast<double>(sample.count[c]);
    }
    const double all = static_cast<double>(floats.form.shape.elements()) /
                       static_cast<double>(sums[0].error.size()) *
                       static_cast<double>(samples.size());
    means.push_back(count > 0.01 * all ? error / count : 0);
  }
  return means;
}

}  // namespace smelt
