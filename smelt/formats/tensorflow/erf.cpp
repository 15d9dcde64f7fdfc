#include "smelt/formats/tensorflow/erf.h"

#include <cmath>

namespace smelt::tensorflow {
namespace {

/// The one value of a float constant.
bool is_scalar(const Graph& graph, TensorId id, double wanted) {
  const Tensor& tensor = graph.tensor(id);
  if (!tensor.is_constant || tensor.type != DataType::float32 || tensor.data.size() != 4) {
    return false;
  }
  return std::abs(tensor.data.as<float>()[0] - wanted) < 1e-5;
}

/// The op behind a tensor where it has the type.
const Op* maker(const Graph& graph, TensorId id, OpType type) {
  const OpId producer = graph.producer(id);
  if (!producer || graph.op(producer).type != type) return nullptr;
  return &graph.op(producer);
}

OpId only_reader(const Graph& graph, TensorId id, OpType type) {
  const std::vector<OpId>& readers = graph.consumers(id);
  if (readers.size() != 1 || graph.is_output(id) || graph.op(readers[0]).type != type) {
    return OpId::none;
  }
  return readers[0];
}

/// x where the tensor is `scale` * x, written with one factor or divisor and signs that cancel.
TensorId scaled(const Graph& graph, TensorId id, double scale) {
  bool negative = false;
  bool found = false;
  for (int step = 0; step < 4; ++step) {
    if (const Op* op = maker(graph, id, OpType::neg)) {
      negative = !negative;
      id = op->input(0);
      continue;
    }
    const Op* product = maker(graph, id, OpType::mul);
    const Op* ratio = maker(graph, id, OpType::div);
    TensorId rest = TensorId::none;
    for (const double sign : {1.0, -1.0}) {
      if (product && is_scalar(graph, product->input(0), sign * scale)) rest = product->input(1);
      if (product && is_scalar(graph, product->input(1), sign * scale)) rest = product->input(0);
      if (ratio && is_scalar(graph, ratio->input(1), sign / scale)) rest = ratio->input(0);
      if (!rest) continue;
      negative = negative != (sign < 0);
      break;
    }
    if (!rest || found) break;
    found = true;
    id = rest;
  }
  return found && !negative ? id : TensorId::none;
}

TensorId other_operand(const Op& op, TensorId one) {
  return op.input(0) == one ? op.input(1) : op.input(0);
}

/// (0.5 * x) * (1 + e) or 0.5 * (x * (1 + e)) or x * (0.5 * (1 + e)), e = Erf(x / sqrt(2)).
bool fuse_gelu(Graph& graph, OpId id) {
  const Op erf = graph.op(id);
  const TensorId x = scaled(graph, erf.input(0), 1 / std::sqrt(2.0));
  const OpId sum = only_reader(graph, erf.output(), OpType::add);
  if (!x || !sum || !is_scalar(graph, other_operand(graph.op(sum), erf.output()), 1)) return false;
  const OpId product = only_reader(graph, graph.op(sum).output(), OpType::mul);
  if (!product) return false;
  const TensorId factor = other_operand(graph.op(product), graph.op(sum).output());
  OpId last = product;
  if (factor == x || is_scalar(graph, factor, 0.5)) {
    last = only_reader(graph, graph.op(product).output(), OpType::mul);
    if (!last) return false;
    const TensorId rest = other_operand(graph.op(last), graph.op(product).output());
    if (factor == x ? !is_scalar(graph, rest, 0.5) : rest != x) return false;
  } else if (scaled(graph, factor, 0.5) != x) {
    return false;
  }
  graph.set_op_kind(last, OpType::gelu, GeluAttributes{.approximate = false});
  graph.set_op_inputs(last, {x});
  return true;
}

/// Writes ops in front of another one.
class Before {
 public:
  Before(Graph& graph, OpId position) : graph_(graph), position_(position) {}

  TensorId op(OpType type, std::vector<TensorId> inputs) {
    const Op& erf = graph_.op(position_);
    Tensor tensor = graph_.tensor(erf.output());
    tensor.name = fmt::format("{}/{}", tensor.name, ++count_);
    const TensorId result = graph_.add_tensor(std::move(tensor));
    graph_.insert_before(position_, {.type = type,
                                     .inputs = std::move(inputs),
                                     .outputs = {result},
                                     .attributes = default_attributes(type),
                                     .origin = erf.origin});
    return result;
  }

  TensorId number(float value) {
    const std::string name = graph_.tensor(graph_.op(position_).output()).name;
    return graph_.add_tensor(
        Tensor::constant<float>(fmt::format("{}/c{}", name, ++count_), {}, {value}));
  }

 private:
  Graph& graph_;
  OpId position_;
  int count_ = 0;
};

/// sign(x) * (1 - (a1 t + ... + a5 t^5) * exp(-x^2)), t = 1 / (1 + p |x|).
void approximate(Graph& graph, OpId id) {
  constexpr float kCoefficients[] = {1.061405429f, -1.453152027f, 1.421413741f, -0.284496736f,
                                     0.254829592f};
  Before at(graph, id);
  const TensorId x = graph.op(id).input(0);
  const TensorId size = at.op(OpType::abs, {x});
  const TensorId scaled = at.op(OpType::mul, {size, at.number(0.3275911f)});
  const TensorId sum = at.op(OpType::add, {scaled, at.number(1)});
  const TensorId t = at.op(OpType::div, {at.number(1), sum});
  TensorId polynomial = at.op(OpType::mul, {t, at.number(kCoefficients[0])});
  for (size_t i = 1; i < 5; ++i) {
    polynomial = at.op(OpType::add, {polynomial, at.number(kCoefficients[i])});
    polynomial = at.op(OpType::mul, {polynomial, t});
  }
  const TensorId bell = at.op(OpType::exp, {at.op(OpType::neg, {at.op(OpType::square, {x})})});
  const TensorId rest = at.op(OpType::mul, {polynomial, bell});
  const TensorId upper = at.op(OpType::sub, {at.number(1), rest});
  const TensorId sign = at.op(OpType::sign, {x});
  graph.set_op_kind(id, OpType::mul, FusedAttributes{});
  graph.set_op_inputs(id, {sign, upper});
}

}  // namespace

void lower_erf(Graph& graph) {
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    const bool is_erf = op.type == OpType::custom && op.as<CustomAttributes>().code == kErf;
    if (!is_erf) continue;
    if (!fuse_gelu(graph, id)) approximate(graph, id);
  }
}

}  // namespace smelt::tensorflow
