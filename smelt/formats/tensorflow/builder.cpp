#include "smelt/formats/tensorflow/builder.h"

#include <algorithm>

#include "smelt/formats/tensorflow/erf.h"
#include "smelt/formats/tensorflow/patterns.h"
#include "smelt/ops/infer.h"
#include "smelt/run/run_op.h"

namespace smelt::tensorflow {
namespace {

/// Results larger than this and than what the op reads are not computed at import.
constexpr int64_t kMaxGrowth = 64 * 1024;

std::vector<Shape> infer(const Op& op, const std::vector<const Tensor*>& operands, size_t results) {
  std::vector<ShapeContext::Input> inputs;
  for (const Tensor* tensor : operands) {
    if (tensor == nullptr) {
      inputs.emplace_back();
      continue;
    }
    inputs.push_back({.present = true, .type = tensor->type, .shape = tensor->shape});
    if (!tensor->is_constant) continue;
    inputs.back().data = tensor->data.bytes();
    inputs.back().values = index_values(tensor->type, tensor->data.bytes());
  }
  Op with_results = op;
  with_results.outputs.assign(results, TensorId{0});  // only their number is looked at
  const Shape first = operands.empty() || operands[0] == nullptr ? Shape() : operands[0]->shape;
  ShapeContext context(with_results, std::move(inputs), std::vector<Shape>(results, first));
  infer_shapes(context);
  std::vector<Shape> shapes;
  for (size_t i = 0; i < results; ++i) shapes.push_back(context.output(i));
  return shapes;
}

bool has_kernel_at_import(OpType type) {
  switch (type) {
    case OpType::custom:
    case OpType::if_:
    case OpType::while_:
    case OpType::recurrent:
    case OpType::random_uniform:
    case OpType::random_standard_normal:
    case OpType::multinomial:
      return false;
    default:
      return true;
  }
}

std::vector<Tensor> copies(const std::vector<const Tensor*>& operands) {
  std::vector<Tensor> result;
  for (const Tensor* tensor : operands) result.push_back(tensor == nullptr ? Tensor() : *tensor);
  return result;
}

}  // namespace

TensorId Builder::input(const std::string& name, DataType type, const Shape& signature) {
  Shape once = signature;
  Shape probe = signature;
  for (int i = 0; i < signature.rank(); ++i) {
    if (signature[i] >= 0) continue;
    once[i] = 1;
    probe[i] = kProbeBatch;
  }
  const TensorId id = writer_.input(name, type, once);
  if (!(once == probe)) {
    probes_[id] = tensor(id);
    probes_[id].shape = std::move(probe);
  }
  return id;
}

TensorId Builder::op(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                     std::optional<DataType> result) {
  const DataType out = result ? *result : this->type(inputs.at(0));
  return ops(type, std::move(inputs), std::move(attributes), {out})[0];
}

std::vector<const Tensor*> Builder::operands(const std::vector<TensorId>& inputs, bool probed) {
  std::vector<const Tensor*> result;
  for (const TensorId id : inputs) {
    result.push_back(!id ? nullptr : probed ? &probe(id) : &tensor(id));
  }
  return result;
}

std::vector<TensorId> Builder::ops(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                                   std::vector<DataType> results) {
  Op op{.type = type, .inputs = inputs, .attributes = attributes};
  const std::vector<Shape> shapes = infer(op, operands(inputs, false), results.size());
  const bool probed = std::any_of(inputs.begin(), inputs.end(),
                                  [&](TensorId id) { return id && probes_.contains(id); });
  std::vector<Shape> probe_shapes = shapes;
  if (probed) {
    try {
      probe_shapes = infer(op, operands(inputs, true), results.size());
    } catch (const Error&) {
      // The op works for a batch of 1 only: from here on the batch is fixed.
    }
  }
  const std::vector<TensorId> outputs =
      writer_.results(type, std::move(inputs), std::move(attributes), shapes, results);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (probe_shapes[i] == shapes[i]) continue;
    probes_[outputs[i]] = tensor(outputs[i]);
    probes_[outputs[i]].shape = probe_shapes[i];
  }
  fold(op, outputs);
  return outputs;
}

std::vector<TensorId> Builder::raw(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                                   std::span<const Tensor> once, std::span<const Tensor> wide) {
  std::vector<Shape> shapes;
  std::vector<DataType> types;
  for (const Tensor& result : once) {
    shapes.push_back(result.shape);
    types.push_back(result.type);
  }
  const std::vector<TensorId> outputs =
      writer_.results(type, std::move(inputs), std::move(attributes), shapes, types);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (wide[i].shape == shapes[i]) continue;
    probes_[outputs[i]] = tensor(outputs[i]);
    probes_[outputs[i]].shape = wide[i].shape;
  }
  return outputs;
}

std::vector<TensorId> Builder::raw(OpType type, const std::vector<TensorId>& inputs,
                                   Attributes attributes, const std::vector<TensorId>& like) {
  std::vector<Tensor> once, wide;
  for (const TensorId id : like) {
    once.push_back(tensor(id));
    wide.push_back(probe(id));
  }
  return raw(type, inputs, std::move(attributes), once, wide);
}

/// Puts constants in the place of an op that reads nothing else.
bool Builder::fold(const Op& op, const std::vector<TensorId>& outputs) {
  int64_t bytes_read = 0;
  bool probed = false;
  for (const TensorId id : op.inputs) {
    if (!id) continue;
    if (!is_constant(id)) return false;
    bytes_read += static_cast<int64_t>(tensor(id).data.size());
    probed = probed || probes_.contains(id);
  }
  if (op.inputs.empty() || !has_kernel_at_import(op.type)) return false;
  std::vector<Tensor> results;
  std::vector<Tensor> probe_results;
  for (const TensorId id : outputs) {
    const Tensor& y = tensor(id);
    const Tensor& wide = probe(id);
    if (storage_bytes(wide.type, wide.shape.elements()) > bytes_read + kMaxGrowth) return false;
    if (storage_bytes(y.type, y.shape.elements()) > bytes_read + kMaxGrowth) return false;
    results.push_back(y);
    probe_results.push_back(wide);
  }
  Op alone = op;
  alone.outputs = outputs;
  auto computed = run_op(alone, copies(operands(op.inputs, false)), results);
  if (!computed) return false;
  std::optional<std::vector<Tensor>> widened;
  if (probed) widened = run_op(alone, copies(operands(op.inputs, true)), probe_results);
  Graph& graph = writer_.graph();
  graph.erase(graph.producer(outputs[0]));
  for (size_t i = 0; i < outputs.size(); ++i) {
    graph.tensor(outputs[i]) = (*computed)[i];
    probes_.erase(outputs[i]);
    if (!widened) continue;
    const Tensor& wide = (*widened)[i];
    const Tensor& once = (*computed)[i];
    if (!(wide.shape == once.shape) || !(wide.data == once.data)) probes_[outputs[i]] = wide;
  }
  return true;
}

TensorId Builder::constant(Tensor tensor) { return writer_.constant(std::move(tensor)); }

TensorId Builder::constant(Tensor tensor, Tensor probe) {
  const bool differs = !(tensor.shape == probe.shape) || !(tensor.data == probe.data);
  const TensorId id = writer_.constant(std::move(tensor));
  if (differs) probes_[id] = std::move(probe);
  return id;
}

TensorId Builder::ints(const std::vector<int32_t>& values) {
  return writer_.ints("constant", values, {static_cast<int32_t>(values.size())});
}

TensorId Builder::integer(int32_t value) { return writer_.ints("constant", {value}, {}); }

TensorId Builder::reshape(TensorId x, const std::vector<int32_t>& dims) {
  if (shape(x).dims() == dims && probe(x).shape.dims() == dims) return x;
  return op(OpType::reshape, {x, ints(dims)}, ReshapeAttributes{.new_shape = dims});
}

TensorId Builder::reshape(TensorId x, std::vector<int64_t> dims,
                          const std::vector<int64_t>& probe_dims) {
  const bool stretched = std::count(dims.begin(), dims.end(), -1) > 0;
  int open = 0;
  for (size_t i = 0; i < dims.size() && i < probe_dims.size(); ++i)
    open += dims[i] != probe_dims[i];
  std::vector<int32_t> target;
  for (size_t i = 0; i < dims.size(); ++i) {
    const bool batch = !stretched && open == 1 && dims[i] != probe_dims[i];
    if (dims[i] < -1 || dims[i] > std::numeric_limits<int32_t>::max()) {
      fail(ErrorKind::bad_file, "reshapes to an axis of size {}", dims[i]);
    }
    target.push_back(batch ? -1 : static_cast<int32_t>(dims[i]));
  }
  // [-1, n] with the batch computed elsewhere: the stretched axis takes what is left.
  return reshape(x, target);
}

TensorId Builder::transpose(TensorId x, const std::vector<int32_t>& order) {
  bool moves = false;
  for (size_t i = 0; i < order.size(); ++i) moves = moves || order[i] != static_cast<int32_t>(i);
  return moves ? op(OpType::transpose, {x, ints(order)}) : x;
}

TensorId Builder::cast(TensorId x, DataType to) {
  if (type(x) == to) return x;
  return op(OpType::cast, {x}, CastAttributes{.in_type = type(x), .out_type = to}, to);
}

TensorId Builder::pad(TensorId x, const std::vector<int32_t>& sides) {
  if (std::all_of(sides.begin(), sides.end(), [](int32_t side) { return side == 0; })) return x;
  Tensor table = Tensor::constant<int32_t>("paddings", {rank(x), 2}, sides);
  return op(OpType::pad, {x, constant(std::move(table))});
}

TensorId Builder::zeros(const Shape& once, const Shape& wide, DataType type) {
  const auto vector = [](const Shape& shape) {
    return Tensor::constant<int32_t>("shape", {shape.rank()}, shape.dims());
  };
  const TensorId dims = constant(vector(once), vector(wide));
  return op(OpType::fill, {dims, cast(scalar(0), type)}, NoAttributes{}, type);
}

TensorId Builder::concat(const std::vector<TensorId>& parts, int axis) {
  if (parts.size() == 1) return parts[0];
  return op(OpType::concatenation, parts, ConcatenationAttributes{.axis = axis});
}

const Tensor& Builder::probe(TensorId id) {
  const auto found = probes_.find(id);
  return found == probes_.end() ? tensor(id) : found->second;
}

std::optional<std::vector<int64_t>> Builder::values(TensorId id) {
  return index_values(tensor(id));
}

std::optional<std::vector<int64_t>> Builder::probe_values(TensorId id) {
  return index_values(probe(id));
}

bool Builder::is_open(TensorId id, int axis) { return shape(id)[axis] != probe(id).shape[axis]; }

std::pair<TensorId, TensorId> Builder::dense_behind_reshape(TensorId y) {
  const Graph& graph = writer_.graph();
  if (!graph.producer(y)) return {};
  const Op& dense = graph.op(graph.producer(y));
  if (dense.type != OpType::fully_connected || dense.inputs.size() != 2) return {};
  const OpId before = graph.producer(dense.input(0));
  if (!before || graph.op(before).type != OpType::reshape || rank(dense.input(0)) != 2) return {};
  const TensorId x = graph.op(before).input(0);
  if (rank(x) < 1 || shape(x).back() != shape(dense.input(0)).back()) return {};
  return {x, dense.input(1)};
}

Graph Builder::finish(std::vector<TensorId> inputs, std::vector<TensorId> outputs) && {
  Graph& graph = writer_.graph();
  for (const TensorId id : graph.tensors()) {
    Tensor& written = graph.tensor(id);
    written.shape_signature.reset();
    const auto found = probes_.find(id);
    if (found == probes_.end() || written.is_constant) continue;
    Shape signature = written.shape;
    for (int i = 0; i < signature.rank(); ++i) {
      if (signature[i] != found->second.shape[i]) signature[i] = Shape::kUnknown;
    }
    written.shape_signature = std::move(signature);
  }
  graph.set_inputs(inputs);
  graph.set_outputs(outputs);
  drop_unread();
  lower_erf(graph);
  fuse_prelu(graph);
  fuse_l2_normalization(graph);
  drop_unread();
  graph.erase_unused_tensors();
  return std::move(writer_).finish(std::move(inputs), std::move(outputs));
}

/// Ops that were imported for results that no output needs.
void Builder::drop_unread() {
  Graph& graph = writer_.graph();
  std::vector<OpId> order = graph.ops();
  std::reverse(order.begin(), order.end());
  for (const OpId id : order) {
    const Op& op = graph.op(id);
    if (op.type == OpType::while_ || op.type == OpType::if_) continue;
    const bool used = std::any_of(op.outputs.begin(), op.outputs.end(), [&](TensorId output) {
      return !graph.consumers(output).empty() || graph.is_output(output);
    });
    if (!used) graph.erase(id);
  }
}

}  // namespace smelt::tensorflow
