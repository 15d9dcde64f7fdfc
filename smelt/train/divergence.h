#pragma once

#include <string>

#include "smelt/train/module.h"

namespace smelt::train {

/// The first thing in execution order that is not finite behind a forward pass of `samples`
/// samples, in words: "op 3 CONV_2D (layer conv1) gives nan", with the parameter where one holds
/// it: "conv1/kernel holds nan". Empty where everything is finite.
std::string first_not_finite(const Model& model, const Module& module, int64_t samples);

/// The first parameter that holds a value that is not finite; null where none does.
const Parameter* first_broken_parameter(const Module& module);

}  // namespace smelt::train
