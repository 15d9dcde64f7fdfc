#include "smelt/quantize/quantize.h"

#include "smelt/passes/passes.h"

namespace smelt {

QuantizeResult quantize(Model model, const DatasetPtr& data, const QuantizeOptions& options) {
  QuantizeResult result{.float_model = std::move(model)};
  Model& prepared = result.float_model;
  for (Graph& graph : prepared.graphs) expand_constants(graph);
  result.passes = run_pipeline(prepared, inference_pipeline(), options.pipeline);
  const bool recovers = options.recover.equalize || options.recover.layers();
  if (recovers && !data) {
    fail(ErrorKind::bad_argument, "recovery measures errors on samples; give calibration data");
  }
  if (data) {
    result.stats = calibrate(prepared, data, options.calibrate);
  } else {
    for (const Graph& graph : prepared.graphs) require_finite_constants(graph);
  }
  result.plan = make_plan(prepared, result.stats, options.recipe);
  if (options.recover.equalize) {
    result.recovery.push_back(equalize_if_better(prepared, result.stats, result.plan, data,
                                                 options.calibrate, options.recover));
  }
  for (RecoveryReport& report : recover(prepared, result.plan, data, options.recover)) {
    result.recovery.push_back(std::move(report));
  }
  result.model = apply(prepared, result.plan);
  return result;
}

}  // namespace smelt
