#include "smelt/quantize/debug/side_by_side.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "smelt/eval/metrics.h"
#include "smelt/quantize/debug/elementwise.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

size_t elements(const Graph& graph, TensorId id) {
  return static_cast<size_t>(graph.tensor(id).shape.elements());
}

const void* bytes_of(const Interpreter& interpreter, TensorId id) {
  return id ? interpreter.tensor_bytes(id).data() : nullptr;
}

std::span<const float> floats_at(const void* data, size_t count) {
  return {static_cast<const float*>(data), count};
}

}  // namespace

/// Results of a layer, one pointer per output of the op.
struct SideBySide::Calls {
  std::vector<void*> same_inputs;       ///< the float op on what the quantized op read
  std::vector<void*> layerwise;         ///< the quantized op on rounded float operands
  std::vector<void*> rounded_inputs;    ///< the float op on the same, unless floats go in
  std::vector<void*> stored_constants;  ///< the float op with the quantized model's constants
};

SideBySide::SideBySide(const Comparison& comparison, const Dataset& data)
    : all_(comparison),
      data_(data),
      f_(comparison.reference->graph()),
      q_(comparison.quantized->graph()),
      reference_(comparison.reference),
      quantized_(comparison.quantized),
      load_reference_(comparison.float_model.main(), data),
      load_quantized_(comparison.quantized_model.main(), data) {}

void SideBySide::run(int64_t first, int samples, int64_t leave_one_out, Measurement& into) {
  first_ = first;
  samples_ = samples;
  leave_one_out_ = leave_one_out;
  if (all_.reference->stateful()) reference_.reset();
  if (all_.quantized->stateful()) quantized_.reset();
  for (int lane = 0; lane < samples; ++lane) {
    with_context([&] { return fmt::format("sample {}", first + lane); },
                 [&] {
                   load_reference_(first + lane, SampleInputs(reference_, lane));
                   load_quantized_(first + lane, SampleInputs(quantized_, lane));
                 });
  }
  reference_.invoke();
  quantized_.invoke();
  for (size_t i = 0; i < all_.layers.size(); ++i) measure_layer(all_.layers[i], into.layers[i]);
  memory_.reset();
  const void* output = bytes_of(quantized_, q_.outputs().at(0));
  add_score(f_, bytes_of(reference_, f_.outputs().at(0)), samples_, into.reference);
  add_score(q_, output, samples_, into.quantized);
  add_score(q_, output, left_out_lanes(), into.left_out_base);
}

std::vector<void*> SideBySide::results_of(const Graph& graph, const Op& op) {
  std::vector<void*> results;
  for (const TensorId id : op.outputs) {
    results.push_back(id ? memory_.take(static_cast<size_t>(value_bytes(graph.tensor(id))))
                         : nullptr);
  }
  return results;
}

std::span<float> SideBySide::real_values(TensorId quantized, const void* stored) {
  const std::span<float> values = memory_.floats(elements(q_, quantized));
  dequantize_values(q_.tensor(quantized), static_cast<const std::byte*>(stored), values);
  return values;
}

/// Operands of the float op that hold what the quantized op's hold; `stored` are those, in order.
std::vector<const void*> SideBySide::float_operands(const Layer& layer,
                                                    const std::vector<const void*>& stored) {
  const Op& f = f_.op(all_.reference->steps()[layer.reference_step].op);
  const Op& q = q_.op(all_.quantized->steps()[layer.step].op);
  std::vector<const void*> inputs;
  for (size_t i = 0; i < f.inputs.size(); ++i) {
    inputs.push_back(bytes_of(reference_, f.inputs[i]));
    if (layer.sources[i] < 0 || !is_computed(f_, f.inputs[i])) continue;
    if (f_.tensor(f.inputs[i]).type != DataType::float32) continue;
    const auto j = static_cast<size_t>(layer.sources[i]);
    inputs.back() = real_values(q.inputs[j], stored[j]).data();
  }
  return inputs;
}

/// Operands of the quantized op made of the float model's values.
std::vector<const void*> SideBySide::rounded_operands(const Layer& layer) {
  const Op& q = q_.op(all_.quantized->steps()[layer.step].op);
  std::vector<const void*> inputs;
  for (const TensorId id : q.inputs) {
    inputs.push_back(bytes_of(quantized_, id));
    if (!is_computed(q_, id)) continue;
    const TensorId reference = all_.alignment.tensors.at(id);
    if (f_.tensor(reference).type != DataType::float32) continue;
    const auto values = floats_at(bytes_of(reference_, reference), elements(f_, reference));
    std::byte* stored = memory_.take(static_cast<size_t>(value_bytes(q_.tensor(id))));
    quantize_values(q_.tensor(id), values, stored);
    inputs.back() = stored;
  }
  return inputs;
}

std::vector<void*> SideBySide::run_float(const Layer& layer,
                                         const std::vector<const void*>& inputs) {
  const Step& step = all_.reference->steps()[layer.reference_step];
  std::vector<void*> results = results_of(f_, f_.op(step.op));
  run_kernel(f_, f_.op(step.op), step.kernel, inputs, results, memory_);
  return results;
}

std::vector<void*> SideBySide::run_stored(const Layer& layer) {
  const Op& op = all_.stored.op(all_.reference->steps()[layer.reference_step].op);
  std::vector<const void*> inputs;
  for (const TensorId id : op.inputs) {
    const bool constant = id && all_.stored.tensor(id).is_constant;
    inputs.push_back(constant ? all_.stored.tensor(id).data.bytes().data()
                              : bytes_of(reference_, id));
  }
  std::vector<void*> results = results_of(all_.stored, op);
  run_kernel(all_.stored, op, layer.with_stored_weights, inputs, results, memory_);
  return results;
}

void SideBySide::measure_layer(const Layer& layer, LayerMeasure& into) {
  memory_.reset();
  const Step& step = all_.quantized->steps()[layer.step];
  const Op& q = q_.op(step.op);
  Calls calls;
  std::vector<const void*> as_run;
  for (const TensorId id : q.inputs) as_run.push_back(bytes_of(quantized_, id));
  calls.same_inputs = run_float(layer, float_operands(layer, as_run));

  const std::vector<const void*> rounded = rounded_operands(layer);
  calls.layerwise = results_of(q_, q);
  run_kernel(q_, q, step.kernel, rounded, calls.layerwise, memory_);
  if (!layer.floats_in) calls.rounded_inputs = run_float(layer, float_operands(layer, rounded));
  if (layer.stores_weights) calls.stored_constants = run_stored(layer);
  add_results(layer, calls, into);
  if (left_out_lanes() > 0) leave_out(layer, calls.same_inputs, into.alone_in_float);
}

void SideBySide::add_results(const Layer& layer, const Calls& calls, LayerMeasure& into) {
  const Op& q = q_.op(all_.quantized->steps()[layer.step].op);
  const Op& f = f_.op(all_.reference->steps()[layer.reference_step].op);
  for (size_t r = 0; r < layer.results.size(); ++r) {
    const size_t index = layer.results[r];
    const TensorId q_id = q.outputs[index], f_id = f.outputs[index];
    const size_t all = elements(f_, f_id);
    const size_t size = all / static_cast<size_t>(all_.reference->options().batch);
    const auto expected = floats_at(bytes_of(reference_, f_id), all);
    const auto as_run = real_values(q_id, bytes_of(quantized_, q_id));
    const auto alone = real_values(q_id, calls.layerwise[index]);
    const auto same = floats_at(calls.same_inputs[index], all);
    ResultMeasure& result = into.results[r];
    for (size_t at = 0; at < size * static_cast<size_t>(samples_); at += size) {
      const auto reference = expected.subspan(at, size);
      result.same_inputs.add(same.subspan(at, size), as_run.subspan(at, size));
      result.layerwise.add(reference, alone.subspan(at, size));
      result.accumulated.add(reference, as_run.subspan(at, size));
      auto split = [&](const std::vector<void*>& values, std::span<const float> base) {
        if (values.empty()) return 0.0;
        return mean_squared_difference(base, floats_at(values[index], all).subspan(at, size));
      };
      result.split.weights += split(calls.stored_constants, reference);
      if (!layer.floats_in) {
        result.split.activation += split(calls.rounded_inputs, reference);
      } else if (layer.stores_weights) {  // rounded inside the kernel: what the weights leave over
        result.split.activation += split(calls.stored_constants, alone.subspan(at, size));
      }
      measure_range(q_id, reference, result);
    }
  }
}

/// What the output's scale cuts off and rounds of one sample's float values, and how large they
/// are.
void SideBySide::measure_range(TensorId quantized, std::span<const float> reference,
                               ResultMeasure& into) {
  const StoredRange range = stored_range(q_.tensor(quantized));
  const RangeSums sums =
      sum_range(reference.data(), reference.size(), range.low, range.high, range.step);
  const auto count = static_cast<double>(reference.size());
  into.peak = std::max(into.peak, sums.largest);
  into.split.clipping += sums.clipped / count;
  into.split.rounding += sums.rounded / count;
  into.squares += sums.vv / count;
  const size_t channels = into.channel_peaks.size();
  for (size_t at = 0; channels > 0 && at + channels <= reference.size(); at += channels) {
    for (size_t c = 0; c < channels; ++c) {
      into.channel_peaks[c] = std::max(into.channel_peaks[c], std::abs(reference[at + c]));
    }
  }
}

/// The quantized model with the op computed in float, between conversions: its results are put in
/// place of those of the run, and what they change behind it is computed again.
void SideBySide::leave_out(const Layer& layer, const std::vector<void*>& floats, TaskScore& into) {
  std::map<TensorId, std::byte*> changed;
  const Op& replaced = q_.op(all_.quantized->steps()[layer.step].op);
  for (const size_t index : layer.results) {
    const TensorId id = replaced.outputs[index];
    std::byte* stored = memory_.take(static_cast<size_t>(value_bytes(q_.tensor(id))));
    quantize_values(q_.tensor(id), floats_at(floats[index], elements(q_, id)), stored);
    changed[id] = stored;
  }
  const auto current = [&](TensorId id) -> const void* {
    const auto found = changed.find(id);
    return found == changed.end() ? bytes_of(quantized_, id) : found->second;
  };
  for (size_t s = layer.step + 1; s < all_.quantized->steps().size(); ++s) {
    const Step& step = all_.quantized->steps()[s];
    const Op& op = q_.op(step.op);
    if (std::none_of(op.inputs.begin(), op.inputs.end(),
                     [&](TensorId id) { return changed.contains(id); })) {
      continue;
    }
    std::vector<const void*> inputs;
    for (const TensorId id : op.inputs) inputs.push_back(id ? current(id) : nullptr);
    const std::vector<void*> results = results_of(q_, op);
    run_kernel(q_, op, step.kernel, inputs, results, memory_);
    for (size_t i = 0; i < results.size(); ++i) {
      const TensorId id = op.outputs[i];
      if (!id) continue;
      const auto bytes = static_cast<size_t>(value_bytes(q_.tensor(id)));
      if (std::memcmp(results[i], bytes_of(quantized_, id), bytes) == 0) continue;
      changed[id] = static_cast<std::byte*>(results[i]);
    }
  }
  add_score(q_, current(q_.outputs().at(0)), left_out_lanes(), into);
}

/// Samples of this batch that leave-one-out is of.
int SideBySide::left_out_lanes() const {
  return static_cast<int>(std::clamp<int64_t>(leave_one_out_ - first_, 0, samples_));
}

void SideBySide::add_score(const Graph& graph, const void* output, int lanes, TaskScore& into) {
  const TensorId id = graph.outputs().at(0), reference = f_.outputs().at(0);
  const size_t all = elements(graph, id);
  const size_t size = all / static_cast<size_t>(all_.reference->options().batch);
  const std::span<float> values = memory_.floats(all);
  dequantize_values(graph.tensor(id), static_cast<const std::byte*>(output), values);
  const std::span<float> expected = memory_.floats(all);
  dequantize_values(f_.tensor(reference),
                    reinterpret_cast<const std::byte*>(reference_.tensor_bytes(reference).data()),
                    expected);
  for (int lane = 0; lane < lanes; ++lane) {
    const auto scores = values.subspan(static_cast<size_t>(lane) * size, size);
    ++into.samples;
    into.squared_error +=
        mean_squared_difference(scores, expected.subspan(static_cast<size_t>(lane) * size, size));
    if (data_.has_labels() && predicted_class(scores) == data_.label(first_ + lane)) ++into.correct;
  }
}

}  // namespace smelt
