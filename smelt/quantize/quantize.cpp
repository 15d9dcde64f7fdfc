#include "smelt/quantize/quantize.h"

#include <map>
#include <set>

#include "smelt/passes/passes.h"
#include "smelt/quantize/plan_file.h"
#include "smelt/quantize/recurrent_stats.h"

namespace smelt {
namespace {

/// Recurrent layers in training form, with the number of their steps.
std::vector<UnrolledLayer> recurrent_layers(const Graph& graph) {
  std::vector<UnrolledLayer> layers;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type != OpType::recurrent || op.origin.empty()) continue;
    const Shape& x = graph.tensor(op.input(0)).shape;
    layers.push_back({op.origin, x.rank() == 3 ? x[1] : 0});
  }
  return layers;
}

/// Those of them that have become neither a fused op nor a loop.
std::vector<UnrolledLayer> unrolled(std::vector<UnrolledLayer> layers, const Graph& graph) {
  std::set<std::string> whole;
  std::map<std::string, int64_t> ops;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    ++ops[op.origin];
    if (op.type == OpType::unidirectional_sequence_lstm || op.type == OpType::while_) {
      whole.insert(op.origin);
    }
  }
  for (UnrolledLayer& layer : layers) layer.ops = ops[layer.layer];
  std::erase_if(layers, [&](const UnrolledLayer& l) { return whole.contains(l.layer); });
  return layers;
}

/// The model in inference form, as the recipe's precisions want it.
QuantizeResult in_inference_form(Model model, const Recipe& recipe, PipelineOptions pipeline) {
  QuantizeResult result{.float_model = std::move(model)};
  Model& prepared = result.float_model;
  result.trained = trained_scales(prepared);
  for (Graph& graph : prepared.graphs) expand_constants(graph);
  const std::vector<UnrolledLayer> layers = recurrent_layers(prepared.main());
  if (pipeline.recurrent == RecurrentForm::fused) pipeline.recurrent = RecurrentForm::loopless;
  result.passes = run_pipeline(prepared, inference_pipeline(), pipeline);
  result.unrolled = unrolled(layers, prepared.main());
  if (needs_calibration(recipe)) complete_recurrent(prepared.main());
  return result;
}

}  // namespace

QuantizeResult quantize(Model model, const DatasetPtr& data, const QuantizeOptions& options) {
  QuantizeResult result = in_inference_form(std::move(model), options.recipe, options.pipeline);
  Model& prepared = result.float_model;
  if (data) {
    result.stats = calibrate(prepared, data, options.calibrate);
  } else {
    for (const Graph& graph : prepared.graphs) require_finite_constants(graph);
  }
  QuantizeResult finished = requantize(std::move(prepared), std::move(result.stats), data, options);
  finished.passes = std::move(result.passes);
  finished.unrolled = std::move(result.unrolled);
  finished.trained = std::move(result.trained);
  return finished;
}

QuantizeResult requantize(Model float_model, Stats stats, const DatasetPtr& data,
                          const QuantizeOptions& options) {
  const bool recovers = options.recover.equalize || options.recover.layers();
  if (recovers && !data) {
    fail(ErrorKind::bad_argument, "recovery measures errors on samples; give calibration data");
  }
  QuantizeResult result{.float_model = std::move(float_model), .stats = std::move(stats)};
  result.unrecovered = result.float_model;
  result.plan = make_plan(result.float_model, result.stats, options.recipe);
  if (options.recover.equalize) {
    result.recovery.push_back(equalize_if_better(result.float_model, result.stats, result.plan,
                                                 data, options.calibrate, options.recover));
  }
  for (RecoveryReport& report : recover(result.float_model, result.plan, data, options.recover)) {
    result.recovery.push_back(std::move(report));
  }
  result.model = apply(result.float_model, result.plan);
  return result;
}

QuantizeResult quantize_by_plan(Model model, const std::filesystem::path& path,
                                const PipelineOptions& options) {
  const SavedPlan saved = open_plan(path);
  QuantizeResult result = in_inference_form(std::move(model), saved.recipe, options);
  result.plan = saved.read(result.float_model);
  result.model = apply(result.float_model, result.plan);
  return result;
}

}  // namespace smelt
