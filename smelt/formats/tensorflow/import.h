#pragma once

#include "smelt/formats/tensorflow/proto.h"
#include "smelt/formats/tensorflow/tensorflow.h"

namespace smelt::tensorflow {

/// Imports what leads from the inputs of an entry to its outputs; see load_frozen.
Model import_graph(const proto::GraphDef& graph, const Entry& entry, const ReadVariable& variables,
                   const LoadOptions& options);

/// Inputs: all Placeholders. Outputs: what no node reads.
Entry guess_entry(const proto::GraphDef& graph);

}  // namespace smelt::tensorflow
