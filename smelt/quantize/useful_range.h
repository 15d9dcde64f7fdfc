#pragma once

#include "smelt/quantize/ties.h"

namespace smelt {

/// The part of a tensor's range that can be told apart behind its readers. Where every reader is
/// relu(a + b), values of a below -max(b) give 0 whatever b is, so that a needs no steps there: its
/// scale becomes finer and the quantized result loses nothing (b cannot exceed its own range).
/// Without such readers, the range itself. Works for relu6 in the same way.
Range useful_range(const Graph& graph, TensorId id, const RangeOf& range);

}  // namespace smelt
