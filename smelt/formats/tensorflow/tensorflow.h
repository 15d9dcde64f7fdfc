#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt::tensorflow {

/// The value of a variable of the main graph, by the name of its node; nothing where the file does
/// not have it.
using ReadVariable = std::function<std::optional<Tensor>(const std::string& node)>;

/// An input or output of a signature.
struct Endpoint {
  std::string name;                               ///< in the signature
  std::string tensor;                             ///< "node:0" of the graph
  int32_t tf_type = 0;                            ///< of an input; 0: as its Placeholder says
  std::optional<std::vector<int64_t>> dims = {};  ///< -1: open; absent: as its Placeholder says
};

struct LoadOptions {
  /// Shapes of the inputs, in order, for models that leave axes open: with or without the batch.
  std::vector<Shape> input_shapes;
};

/// What to import of a graph.
struct Entry {
  std::string signature;  ///< its key; empty: no signature is recorded
  std::vector<Endpoint> inputs;
  std::vector<Endpoint> outputs;
};

/// Reads a frozen graph: a serialized GraphDef whose weights are constants. Inputs are its
/// Placeholders, outputs the nodes that no other reads.
///
/// The graph is in training form: batch normalizations stay whole ops and activations are ops of
/// their own. Axis 0 of inputs may be open (1 in `shape`, -1 in `shape_signature`); other open axes
/// need LoadOptions. float64, float16 and bfloat16 are computed as float32. Functions are inlined,
/// what depends on constants and shapes alone is computed, and only what the outputs read is
/// imported. `origin` of tensors and ops is the folder of the node (the Keras layer), or the node.
///
/// bad_file where the file contradicts itself; unsupported, naming ops and nodes, for what Smelt
/// does not import.
Model load_frozen(const std::filesystem::path& path, const LoadOptions& options = {});

/// The same for bytes in memory.
Model load_frozen(ByteView bytes, const LoadOptions& options = {});

/// True where bytes look like a GraphDef.
bool is_graph_def(ByteView bytes);

}  // namespace smelt::tensorflow
