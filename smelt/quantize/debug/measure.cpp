#include "smelt/quantize/debug/measure.h"

#include <algorithm>
#include <mutex>

#include "smelt/base/error.h"
#include "smelt/base/parallel.h"
#include "smelt/ops/op_def.h"
#include "smelt/quantize/debug/side_by_side.h"

namespace smelt {
namespace {

void merge(const TaskScore& from, TaskScore& into) {
  into.samples += from.samples;
  into.correct += from.correct;
  into.squared_error += from.squared_error;
}

void merge(const ResultMeasure& from, ResultMeasure& into) {
  into.same_inputs.merge(from.same_inputs);
  into.layerwise.merge(from.layerwise);
  into.accumulated.merge(from.accumulated);
  into.split.weights += from.split.weights;
  into.split.activation += from.split.activation;
  into.split.clipping += from.split.clipping;
  into.split.rounding += from.split.rounding;
  into.squares += from.squares;
  into.peak = std::max(into.peak, from.peak);
  for (size_t c = 0; c < into.channel_peaks.size(); ++c) {
    into.channel_peaks[c] = std::max(into.channel_peaks[c], from.channel_peaks[c]);
  }
}

void merge(const Measurement& from, Measurement& into) {
  into.samples += from.samples;
  merge(from.reference, into.reference);
  merge(from.quantized, into.quantized);
  merge(from.left_out_base, into.left_out_base);
  for (size_t i = 0; i < into.layers.size(); ++i) {
    merge(from.layers[i].alone_in_float, into.layers[i].alone_in_float);
    for (size_t r = 0; r < into.layers[i].results.size(); ++r) {
      merge(from.layers[i].results[r], into.layers[i].results[r]);
    }
  }
}

/// Nothing measured yet. Channels are told apart where an op has weights.
Measurement blank(const Comparison& all) {
  Measurement measurement;
  const Graph& graph = all.reference->graph();
  for (const Layer& layer : all.layers) {
    const Op& op = graph.op(all.reference->steps()[layer.reference_step].op);
    LayerMeasure& into = measurement.layers.emplace_back();
    for (const size_t index : layer.results) {
      ResultMeasure& result = into.results.emplace_back();
      const int weight = op_def(op.type).quantization.weight;
      if (weight < 0 || !graph.constant_input(op, static_cast<size_t>(weight))) continue;
      const Shape& shape = graph.tensor(op.outputs[index]).shape;
      if (shape.rank() > 0) result.channel_peaks.resize(static_cast<size_t>(shape.back()));
    }
  }
  return measurement;
}

bool can_leave_out(const Comparison& all) {
  const std::vector<Step>& steps = all.quantized->steps();
  return std::none_of(steps.begin(), steps.end(),
                      [](const Step& step) { return step.control.has_value(); });
}

/// Samples in parts that do not depend on the number of threads, so that sums do not either.
class Parts {
 public:
  Parts(int64_t samples, int batch)
      : samples_(samples), batch_(batch), batches_((samples + batch - 1) / batch) {}
  int64_t count() const { return std::min<int64_t>(batches_, 64); }
  int64_t first(int64_t part) const { return part * batches_ / count() * batch_; }
  int64_t end(int64_t part) const { return std::min(first(part + 1), samples_); }

 private:
  int64_t samples_;
  int batch_;
  int64_t batches_;
};

}  // namespace

Measurement measure(const Comparison& comparison, const Dataset& data,
                    const MeasureOptions& options) {
  check_inputs(comparison.float_model.main(), data);
  const int batch = comparison.reference->options().batch;
  const int threads = options.threads > 0 ? options.threads : available_threads();
  const int64_t leave_one_out = can_leave_out(comparison) ? options.leave_one_out : 0;
  const Parts parts(data.size(), batch);
  std::vector<Measurement> measured(static_cast<size_t>(parts.count()), blank(comparison));
  std::vector<std::unique_ptr<SideBySide>> workers(static_cast<size_t>(threads));
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(parts.count(), threads, [&](int index, int64_t part) {
    std::unique_ptr<SideBySide>& worker = workers[static_cast<size_t>(index)];
    if (!worker) worker = std::make_unique<SideBySide>(comparison, data);
    Measurement& into = measured[static_cast<size_t>(part)];
    for (int64_t first = parts.first(part); first < parts.end(part); first += batch) {
      const auto samples = static_cast<int>(std::min<int64_t>(batch, data.size() - first));
      worker->run(first, samples, leave_one_out, into);
      into.samples += samples;
      if (!options.progress) continue;
      const std::scoped_lock lock(mutex);
      done += samples;
      if (!options.progress("debugging", done, data.size())) fail(ErrorKind::io, "interrupted");
    }
  });
  Measurement sum = blank(comparison);
  for (const Measurement& part : measured) merge(part, sum);
  return sum;
}

}  // namespace smelt
