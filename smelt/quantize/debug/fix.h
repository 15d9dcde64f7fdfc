#pragma once

#include <string>
#include <vector>

#include "smelt/quantize/debug/debug.h"
#include "smelt/quantize/recipe.h"

namespace smelt {

/// What a debugger's findings ask of the next quantization.
struct Fix {
  Recipe recipe;
  bool equalize = false;             ///< by recovery, where the caller can
  bool correct_biases = false;       ///< likewise
  std::vector<std::string> applied;  ///< "conv2d_3: int16 activations"
};

/// What recovery passes the caller can run besides the recipe.
struct FixAbilities {
  bool equalize = false;
  bool correct_biases = false;
};

/// The recipe with a rule appended for every layer that has a finding: its best cure that a rule or
/// an ability gives.
Fix fix_findings(const Recipe& recipe, const DebugReport& report, FixAbilities abilities = {});

/// A recipe that makes such a model, as far as its tensors tell: scheme, weight bits, granularity,
/// types of inputs and outputs. Ranges are chosen anew.
Recipe recipe_of(const Model& quantized);

}  // namespace smelt
