#pragma once

#include <map>
#include <string>

#include "smelt/formats/tensorflow/body.h"

namespace smelt::saved_model {

/// Where a variable's value is in the checkpoint.
struct StoredAs {
  std::string key;
  std::string slice;  ///< see Bundle::read
};

/// Variables of a graph, by the names of their nodes, and where the ops that restore them look:
/// Assign and AssignVariableOp of what RestoreV2 reads, in the graph (TensorFlow 1) and in the
/// function that the node `restore` calls (TensorFlow 2).
std::map<std::string, StoredAs> find_restored(const tensorflow::proto::GraphDef& graph,
                                              const std::string& restore);

}  // namespace smelt::saved_model
