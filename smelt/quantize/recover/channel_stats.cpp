#include "smelt/quantize/recover/channel_stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/run/dataset_inputs.h"
#include "smelt/run/run_samples.h"

namespace smelt {
namespace {

struct Moments {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
  double sum = 0, squares = 0;
};

/// [samples][channels], so that sums do not depend on who ran which sample.
using SampleMoments = std::vector<std::vector<Moments>>;

void observe(std::span<const float> values, std::vector<Moments>& moments) {
  for (size_t i = 0; i < values.size(); ++i) {
    Moments& channel = moments[i % moments.size()];
    channel.min = std::min(channel.min, values[i]);
    channel.max = std::max(channel.max, values[i]);
    channel.sum += values[i];
    channel.squares += static_cast<double>(values[i]) * values[i];
  }
}

std::vector<ChannelStats> summary(const SampleMoments& samples, int64_t values_per_channel) {
  std::vector<ChannelStats> result(samples.empty() ? 0 : samples[0].size());
  const double count =
      static_cast<double>(values_per_channel) * static_cast<double>(samples.size());
  for (size_t c = 0; c < result.size(); ++c) {
    Moments all;
    for (const auto& sample : samples) {
      all.min = std::min(all.min, sample[c].min);
      all.max = std::max(all.max, sample[c].max);
      all.sum += sample[c].sum;
      all.squares += sample[c].squares;
    }
    const double mean = all.sum / count;
    result[c] = {all.min, all.max, mean,
                 std::sqrt(std::max(0.0, all.squares / count - mean * mean))};
  }
  return result;
}

}  // namespace

std::map<TensorId, std::vector<ChannelStats>> channel_stats(const Model& model,
                                                            const std::vector<TensorId>& tensors,
                                                            const Dataset& data, int threads) {
  const Graph& graph = model.main();
  std::map<TensorId, SampleMoments> moments;
  for (const TensorId id : tensors) {
    const auto channels = static_cast<size_t>(graph.tensor(id).shape.back());
    moments[id].assign(static_cast<size_t>(data.size()), std::vector<Moments>(channels));
  }
  SampleRunOptions run{.threads = threads};
  run.hook = [&](const SampleHookArgs& args) {
    if (args.step < 0) return;
    const auto& step = args.interpreter.program().steps()[static_cast<size_t>(args.step)];
    for (const TensorId id : step.outputs) {
      const auto found = moments.find(id);
      if (found == moments.end()) continue;
      const auto bytes = args.bytes(id);
      const size_t size = bytes.size() / sizeof(float) / static_cast<size_t>(args.samples);
      const auto* values = reinterpret_cast<const float*>(bytes.data());
      for (int i = 0; i < args.samples; ++i) {
        observe({values + static_cast<size_t>(i) * size, size},
                found->second[static_cast<size_t>(args.first_sample + i)]);
      }
    }
  };
  run_samples(prepare_for_samples(model, data.size(), run), data.size(), run,
              SampleLoader(graph, data), [](int64_t, const SampleOutputs&) {});
  std::map<TensorId, std::vector<ChannelStats>> result;
  for (const auto& [id, samples] : moments) {
    const Shape& shape = graph.tensor(id).shape;
    result[id] = summary(samples, shape.elements() / shape.back());
  }
  return result;
}

}  // namespace smelt
