#pragma once

#include "smelt/ir/graph.h"

namespace smelt::tensorflow {

/// Finds ops of TFLite that TensorFlow spells with several; each returns how many.
///   max(x, 0) + slopes * max(-x, 0), slopes being -alpha         -> PRELU
///   x * rsqrt(max(sum of squares over the last axis, 1e-12))     -> L2_NORMALIZATION
int fuse_prelu(Graph& graph);
int fuse_l2_normalization(Graph& graph);

}  // namespace smelt::tensorflow
