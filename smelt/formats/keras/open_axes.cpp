#include <array>

#include "smelt/formats/keras/importer.h"
#include "smelt/ir/verify.h"

/// A model that leaves axes open (time steps, height and width) is imported twice, with two sizes:
/// what differs between the two graphs depends on the open axes.
namespace smelt::keras {
namespace {

[[noreturn]] void refuse(const std::string& origin) {
  fail(ErrorKind::unsupported,
       "layer {}: what it computes depends on axes that the model leaves open; pass sizes with "
       "--input-shape",
       origin);
}

/// Unknown where the two differ.
void open_shape(Tensor& tensor, const Shape& other) {
  if (tensor.shape == other) return;
  if (tensor.shape.rank() != other.rank()) refuse(tensor.origin);
  Shape signature = tensor.shape_signature.value_or(tensor.shape);
  for (int axis = 0; axis < other.rank(); ++axis) {
    if (tensor.shape[axis] != other[axis]) signature[axis] = Shape::kUnknown;
  }
  tensor.shape_signature = std::move(signature);
}

/// The target of a RESHAPE takes one open axis: the batch in front, of size 1, gives way.
void open_reshape(Graph& graph, OpId id, const Graph& other) {
  const Op& op = graph.op(id);
  const Tensor& target = graph.tensor(op.inputs[1]);
  const auto here = target.data.as<int32_t>();
  const auto there = other.tensor(other.op(id).inputs[1]).data.as<int32_t>();
  if (here.size() != there.size()) refuse(op.origin);
  std::vector<int32_t> dims(here.begin(), here.end());
  int open = 0;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (here[i] == there[i]) continue;
    dims[i] = Shape::kUnknown;
    ++open;
  }
  if (open > 1) refuse(op.origin);
  if (open == 1 && here[0] == Shape::kUnknown) dims[0] = 1;
  Tensor changed = Tensor::constant(target.name, target.shape, dims);
  changed.origin = target.origin;
  graph.set_op_input(id, 1, graph.add_tensor(std::move(changed)));
  graph.set_op_kind(id, OpType::reshape, ReshapeAttributes{.new_shape = dims});
}

/// `graph` with what differs from `other` left open.
void open_graph(Graph& graph, const Graph& other) {
  const std::vector<OpId> ops = graph.ops();
  if (ops != other.ops()) {
    fail(ErrorKind::unsupported,
         "its ops depend on axes that it leaves open; pass sizes with --input-shape");
  }
  for (const OpId id : ops) {
    const Op op = graph.op(id);
    if (op.type != other.op(id).type || op.inputs != other.op(id).inputs) refuse(op.origin);
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const Tensor* mine = graph.constant_input(op, i);
      if (mine == nullptr) continue;
      const Tensor* theirs = other.constant_input(other.op(id), i);
      if (theirs == nullptr) refuse(op.origin);
      if (mine->data == theirs->data && mine->shape == theirs->shape) continue;
      if (op.type != OpType::reshape || i != 1) refuse(op.origin);
      open_reshape(graph, id, other);
    }
    const bool same = graph.op(id).attributes == other.op(id).attributes;
    if (!same && op.type != OpType::reshape) refuse(op.origin);
  }
  for (const TensorId id : graph.tensors()) {
    if (!other.contains(id) || graph.tensor(id).is_constant) continue;
    open_shape(graph.tensor(id), other.tensor(id).shape);
  }
  graph.erase_unused_tensors();
  verify(graph);
}

}  // namespace

Graph import_graph(const Json& config, WeightSource& weights, int keras_version,
                   const LoadOptions& options) {
  const ModelSpec model = read_model(config);
  constexpr std::array<std::array<int32_t, 2>, 3> kSizes{{{32, 48}, {128, 160}, {512, 608}}};
  std::string reason;
  for (const auto& [size, other_size] : kSizes) {
    Importer importer(options, weights, keras_version, size);
    try {
      Graph graph = std::move(importer).run(model);
      if (!importer.has_open_axes()) return graph;
      open_graph(graph, Importer(options, weights, keras_version, other_size).run(model));
      return graph;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::internal || !importer.has_open_axes()) throw;
      if (reason.empty()) reason = error.what();
    }
  }
  fail(ErrorKind::unsupported,
       "{} (the model leaves axes of its inputs open; pass their sizes with --input-shape)",
       reason);
}

}  // namespace smelt::keras
