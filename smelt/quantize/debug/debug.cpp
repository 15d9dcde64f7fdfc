#include "smelt/quantize/debug/debug.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "smelt/data/select.h"
#include "smelt/ops/op_def.h"
#include "smelt/quantize/debug/constants.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

/// The largest over the median of those that are not 0; 1 where there are none.
double largest_over_median(std::vector<float> values) {
  std::erase(values, 0.0f);
  if (values.empty()) return 1;
  std::sort(values.begin(), values.end());
  return static_cast<double>(values.back()) / values[values.size() / 2];
}

/// The tensor as the file stores it: behind a DEQUANTIZE op of a constant, that constant.
const Tensor& as_stored(const Graph& graph, TensorId id) {
  const OpId producer = graph.producer(id);
  if (!producer || graph.op(producer).type != OpType::dequantize) return graph.tensor(id);
  return graph.tensor(graph.op(producer).input(0));
}

class Reporter {
 public:
  Reporter(const Comparison& all, const Measurement& measured)
      : all_(all),
        measured_(measured),
        f_(all.float_model.main()),
        q_(all.quantized_model.main()) {}

  void add(size_t index, std::vector<LayerReport>& into) {
    const Layer& layer = all_.layers[index];
    const OpId q_id = all_.quantized->steps()[layer.step].op;
    const OpId f_id = all_.reference->steps()[layer.reference_step].op;
    for (size_t r = 0; r < layer.results.size(); ++r) {
      LayerReport report = describe_result(q_id, f_id, layer.results[r]);
      add_measured(measured_.layers[index].results[r], report);
      add_left_out(measured_.layers[index].alone_in_float, report);
      channel_ratios_[f_.op(f_id).outputs[layer.results[r]]] = report.channel_ratio;
      for (const TensorId id : f_.op(f_id).inputs) {
        const auto found = channel_ratios_.find(id);
        if (found == channel_ratios_.end()) continue;
        report.operand_channel_ratio = std::max(report.operand_channel_ratio, found->second);
      }
      report.weights = weight_facts(q_.op(q_id), f_.op(f_id), layer);
      judge(report, measured_.left_out_base.samples);
      into.push_back(std::move(report));
    }
  }

 private:
  LayerReport describe_result(OpId q_id, OpId f_id, size_t index) const {
    const Op& q = q_.op(q_id);
    const Op& f = f_.op(f_id);
    const Tensor& stored = q_.tensor(q.outputs[index]);
    const Tensor& floats = f_.tensor(f.outputs[index]);
    LayerReport report{.op = q_id,
                       .type = q.type,
                       .tensor = q.outputs[index],
                       .tensor_name = stored.name,
                       .layer = f.origin.empty() ? floats.name : f.origin,
                       .float_name = floats.name,
                       .stored = stored.type};
    if (stored.quantization.per_tensor()) {
      report.scale = stored.quantization.scale[0];
      report.zero_point = stored.quantization.zero_point[0];
    }
    return report;
  }

  void add_measured(const ResultMeasure& from, LayerReport& into) const {
    const auto samples = static_cast<double>(measured_.samples);
    into.same_inputs = from.same_inputs.stats();
    into.layerwise = from.layerwise.stats();
    into.accumulated = from.accumulated.stats();
    into.split = {from.split.weights / samples, from.split.activation / samples,
                  from.split.clipping / samples, from.split.rounding / samples};
    const double rms = std::sqrt(from.squares / samples);
    into.crest = rms > 0 ? from.peak / rms : 0;
    into.channel_ratio = largest_over_median(from.channel_peaks);
  }

  void add_left_out(const TaskScore& from, LayerReport& into) const {
    if (from.samples == 0) return;
    const auto samples = static_cast<double>(from.samples);
    into.accuracy_gain =
        static_cast<double>(from.correct - measured_.left_out_base.correct) / samples;
    into.output_mse = from.squared_error / samples;
  }

  std::optional<WeightFacts> weight_facts(const Op& q, const Op& f, const Layer& layer) const {
    const QuantizationRule& rule = op_def(f.type).quantization;
    if (rule.weight < 0) return std::nullopt;
    const auto index = static_cast<size_t>(rule.weight);
    const Tensor* floats = all_.reference->graph().constant_input(f, index);
    if (floats == nullptr || layer.sources[index] < 0) return std::nullopt;
    const TensorId id = q.inputs[static_cast<size_t>(layer.sources[index])];
    const Tensor& stored = as_stored(q_, id);
    const std::vector<float> values = real_constant(all_.reference->graph(), *floats);
    const int axis = rule.weight_axis;
    const bool channels = axis >= 0 && floats->shape[axis] > 1;
    return WeightFacts{
        .type = stored.type,
        .per_tensor = channels && stored.quantization.per_tensor(),
        .can_be_per_channel = channels,
        .channel_ratio = channels ? largest_over_median(max_abs(values, floats->shape, axis)) : 1};
  }

  const Comparison& all_;
  const Measurement& measured_;
  const Graph& f_;
  const Graph& q_;
  std::map<TensorId, double> channel_ratios_;  ///< of float results reported so far
};

/// Where weights differ, so do the values behind them, whatever quantization does.
std::string doubt(const Alignment& alignment) {
  if (alignment.with_other_weights == 0) return "";
  return fmt::format(
      "the weights of {} of {} layers are not those of the float model: the quantized model was "
      "made from another one, or its channels were equalized; only the outputs can be compared",
      alignment.with_other_weights, alignment.with_weights);
}

}  // namespace

DebugReport debug_quantization(const Model& float_model, const Model& quantized,
                               const DatasetPtr& data, const DebugOptions& options) {
  const DatasetPtr chosen = select(data, options.samples, options.seed);
  const Comparison all = prepare_comparison(float_model, quantized,
                                            {.samples = chosen->size(),
                                             .numerics = options.numerics,
                                             .layers = options.layers,
                                             .align = options.align});
  const Measurement measured = measure(all, *chosen,
                                       {.threads = options.threads,
                                        .leave_one_out = options.leave_one_out,
                                        .progress = options.progress});
  const auto samples = static_cast<double>(measured.samples);
  DebugReport report{.samples = measured.samples,
                     .leave_one_out = measured.left_out_base.samples,
                     .output_mse = measured.quantized.squared_error / samples};
  if (data->has_labels()) {
    report.float_accuracy = static_cast<double>(measured.reference.correct) / samples;
    report.quantized_accuracy = static_cast<double>(measured.quantized.correct) / samples;
  }
  Reporter reporter(all, measured);
  for (size_t i = 0; i < all.layers.size(); ++i) reporter.add(i, report.layers);
  if (!data->has_labels()) {
    for (LayerReport& layer : report.layers) layer.accuracy_gain.reset();
  }
  report.unmatched = all.alignment.unmatched;
  report.warning = doubt(all.alignment);
  return report;
}

}  // namespace smelt
