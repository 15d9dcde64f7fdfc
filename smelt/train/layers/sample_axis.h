#pragma once

#include "smelt/train/layer.h"

namespace smelt::train {

/// Samples lie along axis 0 of every value. unsupported, naming the layer, where an op would bring
/// them together in a batch: one that reduces, joins, cuts or moves axis 0. (At a batch of one, as
/// graphs are here, such ops are well-formed, and do something else.)
void require_samples_apart(const LayerArguments& arguments);

}  // namespace smelt::train
