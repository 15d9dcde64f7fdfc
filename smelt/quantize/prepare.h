#pragma once

#include <string>
#include <vector>

#include "smelt/passes/pipeline.h"
#include "smelt/quantize/recipe.h"

namespace smelt {

/// A recurrent layer that has no fused op, so that its steps are ops of their own.
struct UnrolledLayer {
  std::string layer;
  int32_t steps = 0;
  int64_t ops = 0;
};

struct Preparation {
  std::vector<PassResult> passes;
  std::vector<UnrolledLayer> unrolled;
};

/// Brings a model as loaded into the float form that is calibrated, planned and changed by apply:
/// ids of tensors and ops are those that a plan for this recipe speaks of. Recurrent layers that
/// have no fused op are unrolled, whatever their length: a loop stays in float (`pipeline` may ask
/// for one all the same). Errors are those of the pipeline.
Preparation prepare_for_quantization(Model& model, const Recipe& recipe,
                                     PipelineOptions pipeline = {});

}  // namespace smelt
