// Pattern   f(TRANSPOSE(x)), f(TRANSPOSE(x), TRANSPOSE(y)), f(TRANSPOSE(x), constant), with the
// same
//           order everywhere; f an element-wise op, PAD or CONCATENATION. The same for RESHAPE
//           where the op in front of it could take f in: constants then are per channel, and the
//           last axis stays. TRANSPOSE(TRANSPOSE(x)); MEAN, SUM ... (TRANSPOSE(x)) without
//           keep_dims
// Result    TRANSPOSE(f(x)), RESHAPE(f(x)): scales, offsets and activations come next to the
//           convolution that they are folded into, and pairs of transposes come together and cancel
// Before    nothing else reads the transposed or reshaped tensors; permutations and shapes are
//           constant

#include <algorithm>
#include <numeric>

#include "smelt/passes/linear_op.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

using Order = std::vector<int32_t>;

bool is_elementwise(OpType type) {
  switch (type) {
    case OpType::relu:
    case OpType::relu6:
    case OpType::relu_n1_to_1:
    case OpType::logistic:
    case OpType::tanh:
    case OpType::elu:
    case OpType::leaky_relu:
    case OpType::hard_swish:
    case OpType::gelu:
    case OpType::abs:
    case OpType::exp:
    case OpType::log:
    case OpType::neg:
    case OpType::sqrt:
    case OpType::rsqrt:
    case OpType::square:
    case OpType::add:
    case OpType::sub:
    case OpType::mul:
    case OpType::div:
    case OpType::maximum:
    case OpType::minimum:
    case OpType::squared_difference:
    case OpType::prelu:
      return true;
    default:
      return false;
  }
}

bool is_reduction(OpType type) {
  return type == OpType::mean || type == OpType::sum || type == OpType::reduce_max ||
         type == OpType::reduce_min;
}

/// The permutation of a TRANSPOSE that computes `id`; empty where there is none.
Order order_of(const Graph& graph, TensorId id) {
  const OpId producer = id ? graph.producer(id) : OpId::none;
  if (!producer || graph.op(producer).type != OpType::transpose) return {};
  const auto values = int_constant(graph, graph.op(producer), 1);
  if (!values || static_cast<int>(values->size()) != graph.tensor(id).shape.rank()) return {};
  Order order(values->begin(), values->end());
  Order sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int32_t>(i)) return {};
  }
  return order;
}

TensorId add_ints(Graph& graph, const Op& like, const std::vector<int32_t>& values, Shape shape) {
  Tensor tensor =
      Tensor::constant(graph.tensor(like.output()).name + "/order", std::move(shape), values);
  tensor.origin = like.origin;
  return graph.add_tensor(std::move(tensor));
}

/// What was at place order[i] from what is at place i.
Shape turned_back(const Shape& shape, const Order& order) {
  Shape result = shape;
  for (size_t i = 0; i < order.size(); ++i) result[order[i]] = shape[static_cast<int>(i)];
  return result;
}

/// A constant that broadcasts against the transposed tensor as one for the tensor itself.
TensorId turned_constant(Graph& graph, TensorId id, const Order& order) {
  const Tensor constant = graph.tensor(id);
  if (constant.shape.elements() == 1) return id;
  std::vector<int32_t> dims(order.size() - static_cast<size_t>(constant.shape.rank()), 1);
  dims.insert(dims.end(), constant.shape.dims().begin(), constant.shape.dims().end());
  const Shape shape(dims);
  const Shape target = turned_back(shape, order);
  const auto values = constant.data.as<float>();
  std::vector<float> result(values.size());
  std::vector<int64_t> strides(order.size(), 1);
  for (size_t i = order.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * target[static_cast<int>(i)];
  }
  std::vector<int32_t> at(order.size(), 0);
  for (const float value : values) {
    int64_t index = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      index += at[i] * strides[static_cast<size_t>(order[i])];
    }
    result[static_cast<size_t>(index)] = value;
    for (size_t i = order.size(); i-- > 0;) {
      if (++at[i] < dims[i]) break;
      at[i] = 0;
    }
  }
  Tensor tensor = Tensor::constant(constant.name, target, result);
  tensor.origin = constant.origin;
  return graph.add_tensor(std::move(tensor));
}

bool is_float(const Graph& graph, TensorId id) {
  return id && graph.tensor(id).type == DataType::float32;
}

/// Lets `id` compute `inner`, of another layout, and the layout op behind it what `id` computed.
void put_behind(Graph& graph, OpId id, std::vector<TensorId> inputs, Tensor inner, Op layout) {
  const TensorId result = graph.op(id).output();
  std::vector<OpId> old;
  for (const TensorId input : graph.op(id).inputs) {
    if (input && graph.producer(input)) old.push_back(graph.producer(input));
  }
  inner.name = graph.tensor(result).name + "/inner";
  inner.type = DataType::float32;
  inner.origin = graph.op(id).origin;
  const TensorId middle = graph.add_tensor(std::move(inner));
  graph.set_op_inputs(id, std::move(inputs));
  graph.set_op_output(id, 0, middle);
  layout.inputs[0] = middle;
  layout.outputs = {result};
  layout.origin = graph.op(id).origin;
  graph.insert_after(id, std::move(layout));
  for (const OpId op : old) {
    if (!graph.contains(op) || graph.op(op).outputs.size() != 1) continue;
    const TensorId output = graph.op(op).output();
    if (graph.consumers(output).empty() && !graph.is_output(output)) graph.erase(op);
  }
}

/// The operands of `id` in front of their transposes, which all have one order; empty otherwise.
std::vector<TensorId> untransposed(Graph& graph, OpId id, const Order& order, size_t count) {
  const Op op = graph.op(id);
  const bool constants = op.type != OpType::concatenation;
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < count; ++i) {
    const TensorId input = op.inputs[i];
    if (!is_float(graph, input)) return {};
    if (constants && float_constant(graph, op, i)) {
      if (graph.tensor(input).shape.rank() > static_cast<int>(order.size())) return {};
      inputs.push_back(input);
      continue;
    }
    if (order_of(graph, input) != order || sole_reader(graph, input) != id) return {};
    inputs.push_back(graph.op(graph.producer(input)).input(0));
  }
  for (TensorId& input : inputs) {
    if (graph.tensor(input).is_constant) input = turned_constant(graph, input, order);
  }
  return inputs;
}

bool sink_transpose(Graph& graph, OpId id) {
  const Op op = graph.op(id);
  const bool concatenates = op.type == OpType::concatenation;
  const bool pads = op.type == OpType::pad;
  if (!is_elementwise(op.type) && !concatenates && !pads) return false;
  if (op.outputs.size() != 1 || !is_float(graph, op.output())) return false;
  Order order;
  for (const TensorId input : op.inputs) {
    if (order.empty()) order = order_of(graph, input);
  }
  const Shape shape = graph.tensor(op.output()).shape;
  if (order.empty() || static_cast<int>(order.size()) != shape.rank()) return false;
  const auto paddings = pads ? int_constant(graph, op, 1) : std::nullopt;
  if (pads && (!paddings || paddings->size() != 2 * order.size())) return false;
  std::vector<TensorId> inputs = untransposed(graph, id, order, pads ? 1 : op.inputs.size());
  if (inputs.empty()) return false;
  if (concatenates) {
    auto attributes = op.as<ConcatenationAttributes>();
    attributes.axis = order[static_cast<size_t>(normalized_axis(attributes.axis, shape.rank()))];
    graph.set_op_kind(id, op.type, attributes);
  }
  if (pads) {
    std::vector<int32_t> amounts(paddings->size());
    for (size_t i = 0; i < order.size(); ++i) {
      for (size_t side = 0; side < 2; ++side) {
        amounts[2 * static_cast<size_t>(order[i]) + side] =
            static_cast<int32_t>((*paddings)[2 * i + side]);
      }
    }
    inputs.push_back(add_ints(graph, op, amounts, {shape.rank(), 2}));
  }
  Tensor inner{.shape = turned_back(shape, order)};
  if (const auto& signature = graph.tensor(op.output()).shape_signature) {
    inner.shape_signature = turned_back(*signature, order);
  }
  const TensorId operand = add_ints(graph, op, order, {shape.rank()});
  put_behind(graph, id, std::move(inputs), std::move(inner),
             {.type = OpType::transpose, .inputs = {TensorId::none, operand}});
  return true;
}

/// Ops that take in what follows them.
bool takes_in(const Graph& graph, TensorId x) {
  const OpId producer = graph.producer(x);
  if (!producer || sole_reader(graph, x) == OpId::none) return false;
  return as_linear(graph, producer) ||
         (is_elementwise(graph.op(producer).type) && graph.op(producer).inputs.size() <= 2);
}

bool sink_reshape(Graph& graph, OpId id) {
  const Op op = graph.op(id);
  if (!is_elementwise(op.type) || op.type == OpType::prelu || op.outputs.size() != 1) return false;
  if (!is_float(graph, op.input(0)) || !is_float(graph, op.output())) return false;
  const OpId reshape = graph.producer(op.input(0));
  if (!reshape || graph.op(reshape).type != OpType::reshape) return false;
  const Op layout = graph.op(reshape);
  if (sole_reader(graph, op.input(0)) != id || !takes_in(graph, layout.input(0))) return false;
  if (layout.inputs.size() > 1 && !graph.constant_input(layout, 1)) return false;
  const Tensor& x = graph.tensor(layout.input(0));
  const Shape shape = graph.tensor(op.output()).shape;
  if (!(shape == graph.tensor(op.input(0)).shape)) return false;
  std::vector<TensorId> inputs{layout.input(0)};
  if (op.inputs.size() == 2) {
    const auto channels = per_channel_constant(graph, op, 1, shape);
    if (!channels || x.shape.rank() == 0 || x.shape.back() != shape.back()) return false;
    const Tensor& old = graph.tensor(op.input(1));
    if (old.shape.elements() == 1 && old.shape.rank() <= 1) {
      inputs.push_back(op.input(1));
    } else {
      Tensor constant = Tensor::constant(old.name, Shape({shape.back()}), *channels);
      constant.origin = op.origin;
      inputs.push_back(graph.add_tensor(std::move(constant)));
    }
  }
  Tensor inner{.shape = graph.tensor(layout.input(0)).shape,
               .shape_signature = graph.tensor(layout.input(0)).shape_signature};
  Op behind{.type = OpType::reshape, .inputs = layout.inputs, .attributes = layout.attributes};
  put_behind(graph, id, std::move(inputs), std::move(inner), std::move(behind));
  return true;
}

bool join_transposes(Graph& graph, OpId id) {
  const Op op = graph.op(id);
  if (op.type != OpType::transpose || op.outputs.size() != 1) return false;
  const Order outer = order_of(graph, op.output());
  const Order inner = order_of(graph, op.input(0));
  if (outer.empty() || inner.size() != outer.size()) return false;
  Order joined;
  for (const int32_t axis : outer) joined.push_back(inner[static_cast<size_t>(axis)]);
  const TensorId x = graph.op(graph.producer(op.input(0))).input(0);
  graph.set_op_inputs(id, {x, add_ints(graph, op, joined, {static_cast<int32_t>(joined.size())})});
  return true;
}

/// The order of what remains must be that of x.
bool reduce_untransposed(Graph& graph, OpId id) {
  const Op op = graph.op(id);
  if (!is_reduction(op.type) || op.as<ReduceAttributes>().keep_dims) return false;
  const Order order = order_of(graph, op.input(0));
  const auto axes = int_constant(graph, op, 1);
  if (order.empty() || !axes) return false;
  std::vector<int32_t> turned;
  std::vector<bool> gone(order.size(), false);
  for (const int64_t axis : *axes) {
    const auto i = static_cast<size_t>(normalized_axis(axis, static_cast<int>(order.size())));
    gone[i] = true;
    turned.push_back(order[i]);
  }
  int32_t last = -1;
  for (size_t i = 0; i < order.size(); ++i) {
    if (gone[i]) continue;
    if (order[i] < last) return false;
    last = order[i];
  }
  std::sort(turned.begin(), turned.end());
  const Shape count({static_cast<int32_t>(turned.size())});
  graph.set_op_inputs(
      id, {graph.op(graph.producer(op.input(0))).input(0), add_ints(graph, op, turned, count)});
  return true;
}

}  // namespace

int sink_layout(Graph& graph) {
  int rewrites = 0;
  for (int before = -1; before != rewrites;) {
    before = rewrites;
    for (const OpId id : graph.ops()) {
      if (!graph.contains(id)) continue;
      rewrites += join_transposes(graph, id) || reduce_untransposed(graph, id) ||
                  sink_transpose(graph, id) || sink_reshape(graph, id);
    }
  }
  return rewrites;
}

}  // namespace smelt
