#include "smelt/passes/recurrent_cell.h"

#include "smelt/ir/dump.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

std::span<const float> weights_of(const Graph& graph, OpId id, size_t index) {
  const Op& op = graph.op(id);
  if (!op.input(index)) return {};
  const auto values = float_constant(graph, op, index);
  if (!values) {
    fail(ErrorKind::unsupported, "{}: operand {} is not a float32 constant", describe(graph, id),
         index);
  }
  return *values;
}

TensorId leaky_relu(OpEmitter& emit, TensorId x, float slope) {
  const Shape shape = emit.shape(x);
  return emit.op(OpType::leaky_relu, {x}, LeakyReluAttributes{.alpha = slope}, shape);
}

/// ELU leaves x above 0 alone, and LEAKY_RELU scales what it made of the rest.
TensorId selu(OpEmitter& emit, TensorId x) {
  constexpr float kAlpha = 1.6732632423543772f;
  constexpr float kScale = 1.0507009873554805f;
  return emit.binary(OpType::mul, leaky_relu(emit, emit.unary(OpType::elu, x), kAlpha), kScale);
}

/// max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
TensorId softplus(OpEmitter& emit, TensorId x) {
  const TensorId away = emit.unary(OpType::neg, emit.unary(OpType::abs, x));
  const TensorId sum = emit.binary(OpType::add, emit.unary(OpType::exp, away), 1.0f);
  return emit.binary(OpType::add, emit.unary(OpType::relu, x), emit.unary(OpType::log, sum));
}

/// relu6(x + 3) / 6
TensorId hard_sigmoid_6(OpEmitter& emit, TensorId x) {
  const TensorId shifted = emit.unary(OpType::relu6, emit.binary(OpType::add, x, 3.0f));
  return emit.binary(OpType::mul, shifted, 1.0f / 6);
}

TensorId softsign(OpEmitter& emit, TensorId x) {
  return emit.binary(OpType::div, x, emit.binary(OpType::add, emit.unary(OpType::abs, x), 1.0f));
}

TensorId emit_activation(OpEmitter& emit, CellActivation activation, TensorId x) {
  switch (activation) {
    case CellActivation::linear:
      return x;
    case CellActivation::tanh:
      return emit.unary(OpType::tanh, x);
    case CellActivation::sigmoid:
      return emit.unary(OpType::logistic, x);
    case CellActivation::hard_sigmoid:
      return hard_sigmoid_6(emit, emit.binary(OpType::mul, x, 1.2f));
    case CellActivation::hard_sigmoid_6:
      return hard_sigmoid_6(emit, x);
    case CellActivation::relu:
      return emit.unary(OpType::relu, x);
    case CellActivation::relu6:
      return emit.unary(OpType::relu6, x);
    case CellActivation::leaky_relu:
      return leaky_relu(emit, x, 0.2f);
    case CellActivation::elu:
      return emit.unary(OpType::elu, x);
    case CellActivation::selu:
      return selu(emit, x);
    case CellActivation::softplus:
      return softplus(emit, x);
    case CellActivation::softsign:
      return softsign(emit, x);
    case CellActivation::exponential:
      return emit.unary(OpType::exp, x);
    case CellActivation::swish:
      return emit.binary(OpType::mul, x, emit.unary(OpType::logistic, x));
    case CellActivation::gelu:
      return emit.unary(OpType::gelu, x);
    case CellActivation::hard_swish:
      return emit.unary(OpType::hard_swish, x);
  }
  return x;
}

std::vector<TensorId> split(OpEmitter& emit, TensorId x, int32_t count) {
  Shape part = emit.shape(x);
  part[1] /= count;
  return emit.many(OpType::split, {emit.int_scalar(1), x}, SplitAttributes{.count = count},
                   static_cast<size_t>(count), part);
}

/// Rows of a matrix [.., columns] as a constant.
TensorId rows_of(OpEmitter& emit, const char* role, std::span<const float> values, GatePart part,
                 int32_t columns) {
  const auto first = static_cast<size_t>(part.first) * static_cast<size_t>(columns);
  const auto count = static_cast<size_t>(part.rows) * static_cast<size_t>(columns);
  const auto rows = values.subspan(first, count);
  return emit.constant<float>(role, {part.rows, columns}, {rows.begin(), rows.end()});
}

/// The part's biases that are added outside of the reset gate, none where there are none.
TensorId input_bias(OpEmitter& emit, const RecurrentLayer& layer, size_t index, GatePart part) {
  std::vector<float> sum(static_cast<size_t>(part.rows), 0.0f);
  bool any = false;
  const auto add = [&](std::span<const float> values) {
    if (values.empty()) return;
    any = true;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[static_cast<size_t>(part.first) + i];
  };
  add(layer.bias);
  if (index == 0) add(layer.recurrent_bias);
  return any ? emit.constant<float>("bias", {part.rows}, sum) : TensorId::none;
}

/// x + weights * h; x where h is zero.
TensorId add_product(OpEmitter& emit, TensorId x, TensorId h, TensorId weights) {
  return h ? emit.binary(OpType::add, x, emit.dense(h, weights, TensorId::none)) : x;
}

CellState lstm_step(OpEmitter& emit, const RecurrentAttributes& a, const StepWeights& weights,
                    TensorId x, const CellState& before) {
  const auto gates = split(emit, add_product(emit, x, before.h, weights.recurrent[0]), 4);
  const TensorId input = emit_activation(emit, a.recurrent_activation, gates[0]);
  const TensorId candidate = emit_activation(emit, a.activation, gates[2]);
  TensorId c = emit.binary(OpType::mul, input, candidate);
  if (before.c) {
    const TensorId forget = emit_activation(emit, a.recurrent_activation, gates[1]);
    c = emit.binary(OpType::add, emit.binary(OpType::mul, forget, before.c), c);
  }
  const TensorId output = emit_activation(emit, a.recurrent_activation, gates[3]);
  return {emit.binary(OpType::mul, output, emit_activation(emit, a.activation, c)), c};
}

/// k + z (h - k), which is z h + (1 - z) k.
CellState gru_step(OpEmitter& emit, const RecurrentAttributes& a, const StepWeights& weights,
                   const std::vector<TensorId>& x, TensorId h) {
  const TensorId sums = add_product(emit, x[0], h, weights.recurrent[0]);
  const auto gates = split(emit, emit_activation(emit, a.recurrent_activation, sums), 2);
  TensorId candidate = x[1];
  if (a.reset_after && h) {
    const TensorId product = emit.dense(h, weights.recurrent[1], weights.candidate_bias);
    candidate = emit.binary(OpType::add, x[1], emit.binary(OpType::mul, gates[1], product));
  } else if (a.reset_after && weights.candidate_bias) {
    candidate =
        emit.binary(OpType::add, x[1], emit.binary(OpType::mul, gates[1], weights.candidate_bias));
  } else if (h) {
    candidate =
        add_product(emit, x[1], emit.binary(OpType::mul, gates[1], h), weights.recurrent[1]);
  }
  const TensorId k = emit_activation(emit, a.activation, candidate);
  if (!h) return {emit.binary(OpType::sub, k, emit.binary(OpType::mul, gates[0], k)), {}};
  const TensorId change = emit.binary(OpType::mul, gates[0], emit.binary(OpType::sub, h, k));
  return {emit.binary(OpType::add, k, change), {}};
}

/// Ops that an activation takes.
size_t ops_of(CellActivation activation) {
  switch (activation) {
    case CellActivation::linear:
      return 0;
    case CellActivation::hard_sigmoid:
      return 4;
    case CellActivation::hard_sigmoid_6:
    case CellActivation::softsign:
    case CellActivation::selu:
      return 3;
    case CellActivation::softplus:
      return 7;
    case CellActivation::swish:
      return 2;
    default:
      return 1;
  }
}

}  // namespace

RecurrentLayer::RecurrentLayer(const Graph& graph, OpId id)
    : op(graph.op(id)), attributes(op.as<RecurrentAttributes>()) {
  const Tensor& x = graph.tensor(op.input(0));
  batch = x.shape[0];
  time = x.shape[1];
  inputs = x.shape[2];
  kernel = weights_of(graph, id, 1);
  recurrent = weights_of(graph, id, 2);
  bias = weights_of(graph, id, 3);
  recurrent_bias = weights_of(graph, id, 4);
  units = graph.tensor(op.input(2)).shape[1];
  if (x.shape_signature && x.shape_signature->rank() == 3) {
    open_batch = (*x.shape_signature)[0] == Shape::kUnknown;
    open_time = (*x.shape_signature)[1] == Shape::kUnknown;
  }
}

TensorId RecurrentLayer::result(const Graph& graph, size_t i) const {
  const TensorId id = op.output(i);
  return id && (!graph.consumers(id).empty() || graph.is_output(id)) ? id : TensorId::none;
}

std::vector<GatePart> gate_parts(const RecurrentLayer& layer) {
  if (layer.attributes.cell == RecurrentCell::gru) {
    return {{0, 2 * layer.units}, {2 * layer.units, layer.units}};
  }
  return {{0, layer.attributes.gates() * layer.units}};
}

std::vector<TensorId> emit_input_products(OpEmitter& emit, const RecurrentLayer& layer,
                                          TensorId x) {
  std::vector<TensorId> products;
  for (const GatePart& part : gate_parts(layer)) {
    const TensorId weights = rows_of(emit, "kernel", layer.kernel, part, layer.inputs);
    products.push_back(emit.dense(x, weights, input_bias(emit, layer, products.size(), part)));
  }
  return products;
}

StepWeights add_step_weights(OpEmitter& emit, const RecurrentLayer& layer) {
  StepWeights weights;
  for (const GatePart& part : gate_parts(layer)) {
    weights.recurrent.push_back(
        rows_of(emit, "recurrent_kernel", layer.recurrent, part, layer.units));
  }
  if (!layer.recurrent_bias.empty() && layer.attributes.cell == RecurrentCell::gru) {
    const auto values = layer.recurrent_bias.last(static_cast<size_t>(layer.units));
    weights.candidate_bias =
        emit.constant<float>("recurrent_bias", {layer.units}, {values.begin(), values.end()});
  }
  return weights;
}

CellState emit_step(OpEmitter& emit, const RecurrentLayer& layer, const StepWeights& weights,
                    const std::vector<TensorId>& x, const CellState& before) {
  const RecurrentAttributes& a = layer.attributes;
  switch (a.cell) {
    case RecurrentCell::lstm:
      return lstm_step(emit, a, weights, x[0], before);
    case RecurrentCell::gru:
      return gru_step(emit, a, weights, x, before.h);
    case RecurrentCell::simple:
      break;
  }
  const TensorId sum = add_product(emit, x[0], before.h, weights.recurrent[0]);
  return {emit_activation(emit, a.activation, sum), {}};
}

size_t ops_per_step(const RecurrentLayer& layer) {
  const RecurrentAttributes& a = layer.attributes;
  const size_t inner = ops_of(a.activation), gate = ops_of(a.recurrent_activation);
  const size_t masks = layer.mask() ? 2 + a.states() : 0;
  switch (a.cell) {
    case RecurrentCell::lstm:
      return 7 + 3 * gate + 2 * inner + masks;
    case RecurrentCell::gru:
      return 9 + gate + inner + masks;
    case RecurrentCell::simple:
      break;
  }
  return 2 + inner + masks;
}

TensorId emit_choice(OpEmitter& emit, TensorId mask, TensorId kept, TensorId other) {
  const Shape shape = emit.shape(kept);
  if (!other) other = emit.scalar(0);
  return emit.op(OpType::select_v2, {mask, kept, other}, NoAttributes{}, shape);
}

}  // namespace smelt
