#include "smelt/quantize/observe.h"

#include <algorithm>
#include <cmath>

#include "smelt/quantize/value_range.h"

namespace smelt {

bool observe(std::span<const float> values, TensorStats& stats) {
  const ValueRange range = value_range(values.data(), values.size());
  if (!range.finite) return false;
  const auto count = static_cast<int64_t>(values.size());
  merge({.count = count, .min = range.low, .max = range.high}, stats);
  return true;
}

void observe_channels(std::span<const float> values, std::vector<Range>& channels) {
  if (channels.empty() || values.empty()) return;
  std::vector<float> low(values.begin(), values.begin() + static_cast<int64_t>(channels.size()));
  std::vector<float> high = low;
  channel_ranges(values.data(), values.size() / channels.size(), channels.size(), low.data(),
                 high.data());
  for (size_t c = 0; c < channels.size(); ++c) {
    channels[c] = {std::min(channels[c].min, low[c]), std::max(channels[c].max, high[c])};
  }
}

float neighbour_correlation(std::span<const float> values, int64_t width, int64_t channels) {
  const auto step = static_cast<size_t>(channels);
  const auto row = static_cast<size_t>(width * channels);
  double n = 0, sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  for (size_t first = 0; first + row <= values.size(); first += row) {
    for (size_t i = first; i + step < first + row; ++i) {
      const double a = values[i];
      const double b = values[i + step];
      ++n;
      sum_a += a;
      sum_b += b;
      aa += a * a;
      bb += b * b;
      ab += a * b;
    }
  }
  const double spread = (n * aa - sum_a * sum_a) * (n * bb - sum_b * sum_b);
  return spread > 0 ? static_cast<float>((n * ab - sum_a * sum_b) / std::sqrt(spread)) : 0;
}

void merge(const TensorStats& from, TensorStats& into) {
  if (from.count == 0) return;
  into.min = into.count == 0 ? from.min : std::min(into.min, from.min);
  into.max = into.count == 0 ? from.max : std::max(into.max, from.max);
  into.count += from.count;
  into.histogram.merge(from.histogram);
  if (into.by_channel.empty()) into.by_channel = from.by_channel;
  for (size_t c = 0; c < from.by_channel.size(); ++c) {
    Range& channel = into.by_channel[c];
    channel = {std::min(channel.min, from.by_channel[c].min),
               std::max(channel.max, from.by_channel[c].max)};
  }
}

}  // namespace smelt
