#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// NON_MAX_SUPPRESSION_V4, _V5: boxes float32 [N,4] (two corners), scores [N], count, overlap
/// limit, score limit, V5: sigma -> indices int32 [count], V5: scores [count], number of valid
/// ones. Unused elements are 0. Ties between scores are broken as the reference's heap does.
Kernel prepare_non_max_suppression(const PrepareArgs& args);

}  // namespace smelt
