#include "smelt/quantize/quantize.h"

namespace smelt {

QuantizeResult quantize(Model model, const DatasetPtr& data, const QuantizeOptions& options) {
  QuantizeResult result{.float_model = std::move(model)};
  Model& prepared = result.float_model;
  Preparation preparation = prepare_for_quantization(prepared, options.recipe, options.pipeline);
  result.passes = std::move(preparation.passes);
  result.unrolled = std::move(preparation.unrolled);
  if (data) {
    result.stats = calibrate(prepared, data, options.calibrate);
  } else {
    for (const Graph& graph : prepared.graphs) require_finite_constants(graph);
  }
  QuantizeResult finished = requantize(std::move(prepared), std::move(result.stats), data, options);
  finished.passes = std::move(result.passes);
  finished.unrolled = std::move(result.unrolled);
  return finished;
}

QuantizeResult requantize(Model float_model, Stats stats, const DatasetPtr& data,
                          const QuantizeOptions& options) {
  const bool recovers = options.recover.equalize || options.recover.layers();
  if (recovers && !data) {
    fail(ErrorKind::bad_argument, "recovery measures errors on samples; give calibration data");
  }
  QuantizeResult result{.float_model = std::move(float_model), .stats = std::move(stats)};
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

}  // namespace smelt
