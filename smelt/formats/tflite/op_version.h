#pragma once

#include "smelt/ir/graph.h"

namespace smelt::tflite {

/// The least operator version that covers the op's types, ranks and attributes. Facts of LiteRT
/// (tflite/converter/tools/versioning/op_version.cc); runtimes refuse versions that they do not
/// know, so a greater number than needed shuts out old ones. 1 for custom operators.
int32_t required_version(const Graph& graph, const Op& op);

}  // namespace smelt::tflite
