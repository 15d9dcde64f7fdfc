#pragma once

#include "smelt/formats/tensorflow/proto.h"
#include "smelt/formats/tfjs/weights.h"

namespace smelt::tfjs {

/// A GraphDef as TensorFlow.js spells it in JSON, with the values of its constants from the
/// weights.
tensorflow::proto::GraphDef read_graph(const Json& topology, const Weights& weights);

/// Sizes of {"dim": [{"size": "-1"}, ...]}.
tensorflow::proto::TensorShapeProto read_shape(const Json& json);

/// "DT_FLOAT" or its number.
int32_t read_type(const Json& json);

}  // namespace smelt::tfjs
