#include "smelt/quantize/quantize.h"

#include "smelt/quantize/plan_file.h"
#include "smelt/quantize/prepare.h"

namespace smelt {
namespace {

/// The model in inference form, as the recipe's precisions want it.
QuantizeResult in_inference_form(Model model, const Recipe& recipe,
                                 const PipelineOptions& pipeline) {
  QuantizeResult result{.float_model = std::move(model)};
  result.trained = trained_scales(result.float_model);
  Preparation preparation = prepare_for_quantization(result.float_model, recipe, pipeline);
  result.passes = std::move(preparation.passes);
  result.unrolled = std::move(preparation.unrolled);
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
