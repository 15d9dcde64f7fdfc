#pragma once

#include <filesystem>
#include <vector>

#include "smelt/passes/pipeline.h"
#include "smelt/quantize/apply.h"
#include "smelt/quantize/calibrate.h"
#include "smelt/quantize/calibration_report.h"
#include "smelt/quantize/plan.h"
#include "smelt/quantize/recover/recover.h"

namespace smelt {

struct QuantizeOptions {
  CalibrateOptions calibrate;
  Recipe recipe;
  RecoverOptions recover;
  PipelineOptions pipeline;
};

/// A recurrent layer that has no fused op, so that its steps are ops of their own.
struct UnrolledLayer {
  std::string layer;
  int32_t steps = 0;
  int64_t ops = 0;
};

struct QuantizeResult {
  Model float_model;  ///< in inference form: what was calibrated
  Model unrecovered;  ///< the same before recovery changed weights; they share what it left
  Stats stats;
  QuantPlan plan;
  std::vector<RecoveryReport> recovery;
  Model model;  ///< the quantized one
  std::vector<PassResult> passes;
  std::vector<UnrolledLayer> unrolled;
  std::vector<TrainedScale> trained;  ///< what report_calibration compares with
};

/// Post-training quantization from a model as loaded: inference pipeline, calibration, plan,
/// application. Recurrent layers that have no fused op are unrolled, whatever their length: a loop
/// stays in float (options.pipeline may ask for one all the same). `data` may be null where the
/// recipe needs no calibration. Errors are those of the stages.
QuantizeResult quantize(Model model, const DatasetPtr& data, const QuantizeOptions& options = {});

/// The part behind calibration, for a model in inference form and its statistics: plan, recovery,
/// application. Recovery may change both (equalize).
QuantizeResult requantize(Model float_model, Stats stats, const DatasetPtr& data,
                          const QuantizeOptions& options);

/// The model from a plan that save_plan wrote (plan_file.h), without data; errors as of open_plan.
QuantizeResult quantize_by_plan(Model model, const std::filesystem::path& plan,
                                const PipelineOptions& options = {});

}  // namespace smelt
