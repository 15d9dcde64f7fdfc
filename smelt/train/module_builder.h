#pragma once

#include "smelt/train/module.h"

namespace smelt::train {

/// Fills the state of a module: see Module::Module.
void build_module(const Model& model, Module::State& state);

}  // namespace smelt::train
