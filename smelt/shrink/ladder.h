#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "smelt/quantize/recipe.h"
#include "smelt/quantize/recover/recover.h"

namespace smelt {

/// What is to run the model.
enum class Target {
  litert,  ///< phones and desktops: hybrid kernels, float16, any mix
  tflm,    ///< TFLite Micro on a microcontroller
};

std::string_view name(Target target);
/// bad_argument for a text that names none.
Target parse_target(std::string_view text);

/// A way to make a model small.
struct Rung {
  std::string name;  ///< "int4 + recovery"
  Recipe recipe;
  bool recover = false;  ///< all steps of recovery
};

/// The ways that are tried for a target, mixes of precisions aside (see mixes.h). All of them fall
/// back to float where an op has no kernel.
std::vector<Rung> ladder(Target target);

}  // namespace smelt
