#pragma once

#include <filesystem>
#include <vector>

#include "smelt/quantize/apply.h"
#include "smelt/quantize/calibrate.h"
#include "smelt/quantize/calibration_report.h"
#include "smelt/quantize/plan.h"
#include "smelt/quantize/prepare.h"
#include "smelt/quantize/recover/recover.h"

namespace smelt {

struct QuantizeOptions {
  CalibrateOptions calibrate;
  Recipe recipe;
  RecoverOptions recover;
  PipelineOptions pipeline;
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

/// Post-training quantization from a model as loaded: preparation, calibration, plan, application.
/// `data` may be null where the recipe needs no calibration. Errors are those of the stages.
QuantizeResult quantize(Model model, const DatasetPtr& data, const QuantizeOptions& options = {});

/// The part behind calibration, for a model in inference form and its statistics: plan, recovery,
/// application. Recovery may change both (equalize).
QuantizeResult requantize(Model float_model, Stats stats, const DatasetPtr& data,
                          const QuantizeOptions& options);

/// The model from a plan that save_plan wrote (plan_file.h), without data; errors as of open_plan.
QuantizeResult quantize_by_plan(Model model, const std::filesystem::path& plan,
                                const PipelineOptions& options = {});

}  // namespace smelt
