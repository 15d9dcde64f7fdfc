#pragma once

#include "smelt/ir/graph.h"

namespace smelt::tensorflow {

/// The error function, which TFLite has no op for, is imported as a custom op of this name.
inline constexpr char kErf[] = "Erf";

/// Replaces it: 0.5 * x * (1 + Erf(x / sqrt(2))) becomes GELU, others ops that compute it with an
/// error below 2e-7 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26).
void lower_erf(Graph& graph);

}  // namespace smelt::tensorflow
