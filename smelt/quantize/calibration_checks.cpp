#include "smelt/quantize/calibration_checks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "smelt/ir/dump.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

double deviation(const TensorStats& tensor) { return std::sqrt(tensor.histogram.variance()); }

void check_constant(const std::string& name, const TensorStats& input,
                    std::vector<CalibrationWarning>& warnings) {
  const auto blank = std::count_if(input.by_sample.begin(), input.by_sample.end(),
                                   [](const Range& sample) { return sample.min == sample.max; });
  if (blank == 0 || input.count <= static_cast<int64_t>(input.by_sample.size())) return;
  const bool all = input.min == input.max;
  warnings.push_back(
      {.kind = "constant",
       .tensor = name,
       .text = all ? fmt::format("all calibration samples of {} are {} throughout", name, input.min)
                   : fmt::format("{} of {} calibration samples of {} hold one value throughout",
                                 blank, input.by_sample.size(), name),
       .urgent = all || blank * 20 > static_cast<int64_t>(input.by_sample.size())});
}

/// Neighbours in pictures, spectrograms and signals resemble each other; in noise they do not.
void check_random(const std::string& name, const TensorStats& input, const Shape& shape,
                  std::vector<CalibrationWarning>& warnings) {
  constexpr int32_t kLeastWidth = 8;
  constexpr double kRelated = 0.1;
  if (input.correlation.empty() || shape[shape.rank() - 2] < kLeastWidth) return;
  const double mean = std::accumulate(input.correlation.begin(), input.correlation.end(), 0.0) /
                      static_cast<double>(input.correlation.size());
  if (input.min == input.max || std::abs(mean) >= kRelated) return;
  warnings.push_back(
      {.kind = "random",
       .tensor = name,
       .text = fmt::format("{} looks like noise: neighbouring values do not resemble "
                           "each other (correlation {:.2f}); calibrate with real "
                           "samples",
                           name, mean)});
}

void check_declared(const std::string& name, const TensorStats& input, const Range& declared,
                    std::vector<CalibrationWarning>& warnings) {
  const double width = static_cast<double>(declared.max) - declared.min;
  const double seen = static_cast<double>(input.max) - input.min;
  std::string text;
  if (input.min < declared.min - 0.01 * width || input.max > declared.max + 0.01 * width) {
    text = fmt::format("{} goes from {:g} to {:g}, beyond the range {:g}..{:g} that was asked for",
                       name, input.min, input.max, declared.min, declared.max);
  } else if (seen > 0 && seen < 0.05 * width) {
    text = fmt::format(
        "{} only goes from {:g} to {:g} of the range {:g}..{:g} that was asked for: "
        "the samples may have been scaled already",
        name, input.min, input.max, declared.min, declared.max);
  }
  if (!text.empty()) warnings.push_back({.kind = "range", .tensor = name, .text = text});
}

void check_drift(const std::string& name, const TensorStats& input, const TensorStats& evaluated,
                 std::vector<CalibrationWarning>& warnings) {
  constexpr double kShift = 0.5;   // of means, in deviations
  constexpr double kSpread = 1.5;  // of deviations, one over the other
  const double own = deviation(input);
  const double other = deviation(evaluated);
  const double shift = std::abs(input.histogram.mean() - evaluated.histogram.mean());
  const double largest = std::max(own, other);
  const bool spread = own > kSpread * other || other > kSpread * own;
  if (input.histogram.count() == 0 || evaluated.histogram.count() == 0) return;
  if (!spread && shift <= kShift * largest) return;
  warnings.push_back(
      {.kind = "drift",
       .tensor = name,
       .text = fmt::format("{} is unlike the evaluation data: mean {:.3g} and deviation {:.3g} "
                           "against {:.3g} and {:.3g}; calibrate with samples of the same kind",
                           name, input.histogram.mean(), own, evaluated.histogram.mean(), other)});
}

double width_of(const Range& range) { return static_cast<double>(range.max) - range.min; }

void check_dead(const std::string& name, const TensorStats& tensor,
                std::vector<CalibrationWarning>& warnings) {
  const auto& channels = tensor.by_channel;
  const auto dead = std::count(channels.begin(), channels.end(), Range{0, 0});
  if (dead == 0 || tensor.min < 0 || channels.size() < 2) return;
  warnings.push_back({.kind = "dead",
                      .tensor = name,
                      .text = fmt::format("{} of {} channels of {} are 0 for every sample", dead,
                                          channels.size(), name),
                      .urgent = dead * 2 > static_cast<int64_t>(channels.size())});
}

void check_outliers(const std::string& name, const TensorStats& tensor,
                    std::vector<CalibrationWarning>& warnings) {
  constexpr double kFar = 16;  // four of eight bits
  std::vector<double> widths;
  for (const Range& channel : tensor.by_channel) {
    if (width_of(channel) > 0) widths.push_back(width_of(channel));
  }
  if (widths.size() < 4) return;
  std::nth_element(widths.begin(), widths.begin() + static_cast<int64_t>(widths.size() / 2),
                   widths.end());
  const double median = widths[widths.size() / 2];
  const auto largest =
      std::max_element(tensor.by_channel.begin(), tensor.by_channel.end(),
                       [](const Range& a, const Range& b) { return width_of(a) < width_of(b); });
  const double ratio = width_of(*largest) / median;
  if (ratio < kFar) return;
  warnings.push_back(
      {.kind = "outliers",
       .tensor = name,
       .text = fmt::format("channel {} of {} has {:.0f} times the range of the median "
                           "channel: the others are left few steps",
                           largest - tensor.by_channel.begin(), name, ratio),
       .urgent = ratio > 4 * kFar});
}

}  // namespace

void check_inputs_seen(const Graph& graph, const Stats& stats, const CalibrationContext& context,
                       std::vector<CalibrationWarning>& warnings) {
  for (const TensorId id : graph.inputs()) {
    const auto seen = stats.tensors.find(id);
    if (seen == stats.tensors.end() || seen->second.count == 0) continue;
    const std::string name = describe(graph, id);
    const TensorStats& input = seen->second;
    check_constant(name, input, warnings);
    check_random(name, input, graph.tensor(id).shape, warnings);
    if (context.declared_range) check_declared(name, input, *context.declared_range, warnings);
    const auto evaluated = context.evaluated.find(id);
    if (evaluated != context.evaluated.end()) {
      check_drift(name, input, evaluated->second, warnings);
    }
  }
}

void check_trained_scale(const Stats& stats, const CalibrationContext& context,
                         std::vector<CalibrationWarning>& warnings) {
  constexpr double kFar = 3;
  for (const TrainedScale& trained : context.trained) {
    const auto found = stats.tensors.find(trained.result);
    if (found == stats.tensors.end() || found->second.histogram.count() == 0) continue;
    const Histogram& seen = found->second.histogram;
    const double rms = std::sqrt(seen.variance() + seen.mean() * seen.mean());
    const double ratio = rms / trained.rms;
    if (trained.rms > 0 && (ratio > kFar || ratio < 1 / kFar)) {
      warnings.push_back(
          {.kind = "scale",
           .tensor = trained.layer,
           .text =
               fmt::format("results of {} are {:.3g} times as large as in training: the inputs "
                           "are scaled otherwise than the model expects (--range, --mean, --std)",
                           trained.layer, ratio)});
    }
    return;
  }
}

namespace {

/// Softmax and the like: their scale does not follow from what is seen.
bool has_fixed_scale(const Graph& graph, TensorId id) {
  const OpId producer = graph.producer(id);
  return producer && op_def(graph.op(producer).type).quantization.output == OutputScale::fixed;
}

}  // namespace

void check_channels(const Graph& graph, const Stats& stats,
                    std::vector<CalibrationWarning>& warnings) {
  for (const auto& [id, tensor] : stats.tensors) {
    if (graph.is_input(id) || tensor.by_channel.empty()) continue;
    check_dead(describe(graph, id), tensor, warnings);
    if (!has_fixed_scale(graph, id)) check_outliers(describe(graph, id), tensor, warnings);
  }
}

}  // namespace smelt
