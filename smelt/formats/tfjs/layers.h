#pragma once

#include "smelt/formats/tfjs/weights.h"
#include "smelt/ir/graph.h"

namespace smelt::tfjs {

/// The graph of a layers model: Keras's configuration, weights by the layers' names.
Graph import_layers(const Json& topology, const Weights& weights,
                    const std::vector<Shape>& input_shapes);

}  // namespace smelt::tfjs
