#include "smelt/quantize/calibrate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "smelt/base/parallel.h"
#include "smelt/data/select.h"
#include "smelt/ir/dump.h"
#include "smelt/quantize/observe.h"
#include "smelt/quantize/recurrent_stats.h"
#include "smelt/quantize/stream.h"
#include "smelt/run/dataset_inputs.h"

namespace smelt {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

/// What one worker saw, by tensor id.
struct WorkerStats {
  std::vector<TensorStats> tensors;
  std::vector<int64_t> first_bad_sample;  ///< kNever: all values were finite

  explicit WorkerStats(size_t size) : tensors(size), first_bad_sample(size, kNever) {}
};

/// By tensor id and sample. Every sample is written once, so that workers can share it.
struct SampleStats {
  std::vector<std::vector<Range>> ranges;
  std::vector<std::vector<float>> correlation;  ///< empty for all but inputs

  SampleStats(size_t tensors, size_t samples)
      : ranges(tensors, std::vector<Range>(samples)), correlation(tensors) {}
};

bool is_observed(const Graph& graph, TensorId id) {
  return id && graph.tensor(id).type == DataType::float32 && !graph.tensor(id).is_constant;
}

/// False for NaN and for what overflowed: kernels clamp results to the range of floats, as TFLite's
/// do, so that an infinity shows as the largest float.
bool is_normal(float value) { return std::abs(value) < std::numeric_limits<float>::max(); }

/// Counts every n-th value of each sample. n has no factor in common with the channels, so that no
/// channel is left out.
void count_values(std::span<const float> values, int samples, int64_t channels,
                  Histogram& histogram) {
  constexpr size_t kMost = 4096;
  const size_t size = values.size() / static_cast<size_t>(samples);
  size_t step = (size + kMost - 1) / kMost;
  if (step <= 1) {
    histogram.add(values);
    return;
  }
  while (std::gcd(static_cast<int64_t>(step), channels) != 1) ++step;
  std::vector<float> some;
  for (size_t first = 0; first < values.size(); first += size) {
    for (size_t i = 0; i < size; i += step) some.push_back(values[first + i]);
  }
  histogram.add(some);
}

/// Widens `seen` by the values of all samples, one after the other. False for NaN and infinities.
bool observe_samples(std::span<const float> values, int samples, std::span<Range> ranges,
                     TensorStats& seen) {
  const size_t size = values.size() / static_cast<size_t>(samples);
  for (int s = 0; s < samples; ++s) {
    TensorStats sample;
    if (!observe(values.subspan(static_cast<size_t>(s) * size, size), sample)) return false;
    merge(sample, seen);
    ranges[static_cast<size_t>(s)] = {sample.min, sample.max};
  }
  return is_normal(seen.min) && is_normal(seen.max);
}

void observe_all_channels(std::span<const float> values, const Shape& shape, TensorStats& seen) {
  if (shape.rank() < 2) return;
  if (seen.by_channel.empty()) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    seen.by_channel.assign(static_cast<size_t>(shape.back()), {kInfinity, -kInfinity});
  }
  observe_channels(values, seen.by_channel);
}

void correlate(const SampleHookArgs& args, std::span<const float> values, const Shape& shape,
               std::vector<float>& correlation) {
  if (correlation.empty() || shape.rank() < 3) return;
  const size_t size = values.size() / static_cast<size_t>(args.samples);
  for (int s = 0; s < args.samples; ++s) {
    correlation[static_cast<size_t>(args.first_sample + s)] = neighbour_correlation(
        values.subspan(static_cast<size_t>(s) * size, size), shape[shape.rank() - 2], shape.back());
  }
}

void observe_tensor(const SampleHookArgs& args, TensorId id, const CalibrateOptions& options,
                    SampleStats& samples, WorkerStats& worker) {
  if (!is_observed(args.interpreter.program().graph(), id)) return;
  const std::span<const uint8_t> bytes = args.bytes(id);
  const std::span<const float> values{reinterpret_cast<const float*>(bytes.data()),
                                      bytes.size() / sizeof(float)};
  const size_t index = static_cast<size_t>(id.value);
  if (index >= worker.tensors.size()) return;  // added by the program, not by the model
  TensorStats& seen = worker.tensors[index];
  const std::span<Range> by_sample =
      std::span(samples.ranges[index])
          .subspan(static_cast<size_t>(args.first_sample), static_cast<size_t>(args.samples));
  if (observe_samples(values, args.samples, by_sample, seen)) {
    const Shape& shape = args.interpreter.program().graph().tensor(id).shape;
    const int64_t channels = shape.rank() > 0 ? std::max(shape[shape.rank() - 1], 1) : 1;
    if (values.empty()) return;
    if (options.histograms) count_values(values, args.samples, channels, seen.histogram);
    if (options.channels) observe_all_channels(values, shape, seen);
    correlate(args, values, shape, samples.correlation[index]);
    return;
  }
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !is_normal(value); });
  const int64_t sample = args.first_sample + (bad - values.begin()) * args.samples /
                                                 static_cast<int64_t>(values.size());
  worker.first_bad_sample[index] = std::min(worker.first_bad_sample[index], sample);
}

void observe_step(const SampleHookArgs& args, const CalibrateOptions& options, SampleStats& samples,
                  WorkerStats& worker) {
  const Program& program = args.interpreter.program();
  const auto& ids = args.step < 0 ? program.graph().inputs()
                                  : program.steps()[static_cast<size_t>(args.step)].outputs;
  for (const TensorId id : ids) observe_tensor(args, id, options, samples, worker);
}

/// The first tensor in execution order, so that the message names where the trouble begins.
void require_finite_results(const Graph& graph, const std::vector<WorkerStats>& workers) {
  auto first_bad = [&](TensorId id) {
    int64_t sample = kNever;
    for (const WorkerStats& worker : workers) {
      sample = std::min(sample, worker.first_bad_sample[static_cast<size_t>(id.value)]);
    }
    return sample;
  };
  for (const TensorId id : graph.inputs()) {
    if (const int64_t sample = first_bad(id); sample != kNever) {
      fail(ErrorKind::bad_file, "input {} is NaN or infinite in calibration sample {}",
           describe(graph, id), sample);
    }
  }
  for (const OpId op : graph.ops()) {
    for (const TensorId id : graph.op(op).outputs) {
      if (!is_observed(graph, id)) continue;
      if (const int64_t sample = first_bad(id); sample != kNever) {
        fail(ErrorKind::bad_file,
             "{}: its result {} is NaN or infinite for calibration sample {}; the float model "
             "already fails there",
             describe(graph, op), describe(graph, id), sample);
      }
    }
  }
}

size_t id_count(const Graph& graph) {
  const std::vector<TensorId> ids = graph.tensors();
  return ids.empty() ? 0 : static_cast<size_t>(ids.back().value) + 1;
}

}  // namespace

void require_finite_constants(const Graph& graph) {
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const Tensor* tensor = graph.constant_input(op, i);
      if (!tensor || tensor->type != DataType::float32) continue;
      TensorStats ignored;
      if (observe(tensor->data.as<float>(), ignored)) continue;
      fail(ErrorKind::bad_file, "{}: its weights {} hold NaN or infinity", describe(graph, id),
           tensor->name);
    }
  }
}

Stats calibrate(const Model& model, const DatasetPtr& data, const CalibrateOptions& options) {
  const Graph& graph = model.main();
  check_inputs(graph, *data);
  require_finite_constants(graph);
  const bool stream = reads_stream(graph);
  const DatasetPtr chosen =
      stream ? take_first(data, options.samples) : select(data, options.samples, options.seed);
  SampleRunOptions run{.threads = options.threads > 0 ? options.threads : available_threads(),
                       .progress = options.progress,
                       .stage = "calibrating"};
  std::vector<WorkerStats> workers(static_cast<size_t>(run.threads), WorkerStats(id_count(graph)));
  SampleStats samples(id_count(graph), static_cast<size_t>(chosen->size()));
  for (const TensorId id : graph.inputs()) {
    if (graph.tensor(id).shape.rank() < 3) continue;
    samples.correlation[static_cast<size_t>(id.value)].resize(static_cast<size_t>(chosen->size()));
  }
  const auto program = prepare_for_samples(model, chosen->size(), run);
  RecurrentObserver recurrent(graph, workers.size());
  run.hook = [&](const SampleHookArgs& args) {
    observe_step(args, options, samples, workers[static_cast<size_t>(args.worker)]);
    recurrent.observe(args);
  };
  const SampleLoader load(graph, *chosen);
  if (stream) {
    run_stream(program, chosen->size(), run, load);
  } else {
    run_samples(program, chosen->size(), run, load, [](int64_t, const SampleOutputs&) {});
  }
  require_finite_results(graph, workers);
  Stats stats{.samples = chosen->size()};
  for (const TensorId id : graph.tensors()) {
    if (!is_observed(graph, id)) continue;
    TensorStats& tensor = stats.tensors[id];
    for (const WorkerStats& worker : workers) {
      merge(worker.tensors[static_cast<size_t>(id.value)], tensor);
    }
    const auto index = static_cast<size_t>(id.value);
    if (tensor.count > 0) tensor.by_sample = std::move(samples.ranges[index]);
    tensor.correlation = std::move(samples.correlation[index]);
    // What depends on shapes alone was computed once, before the first sample.
    if (!program->graph().contains(id)) continue;
    const Tensor& prepared = program->graph().tensor(id);
    if (!prepared.is_constant) continue;
    observe(prepared.data.as<float>(), tensor);
    tensor.by_sample.assign(static_cast<size_t>(stats.samples), {tensor.min, tensor.max});
  }
  recurrent.store(stats);
  return stats;
}

}  // namespace smelt
