#include "smelt/run/batch.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "smelt/ops/infer.h"
#include "smelt/ops/slice_spec.h"
#include "smelt/run/calls.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

/// Tensors whose values depend on graph inputs or variables. Shapes do not.
std::set<TensorId> data_dependent(const Graph& graph) {
  std::set<TensorId> dependent;
  for (const TensorId id : graph.inputs()) {
    if (!graph.tensor(id).is_constant) dependent.insert(id);
  }
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type == OpType::shape || op.type == OpType::rank) continue;
    const bool any = std::any_of(op.inputs.begin(), op.inputs.end(), [&](TensorId input) {
      return input && (dependent.contains(input) || graph.tensor(input).is_variable);
    });
    if (any) dependent.insert(op.outputs.begin(), op.outputs.end());
  }
  dependent.erase(TensorId::none);
  return dependent;
}

/// Operands of UNIDIRECTIONAL_SEQUENCE_LSTM that hold its states.
constexpr std::array<size_t, 2> kLstmStates = {18, 19};

bool is_batch_major_lstm(const Op& op) {
  return op.type == OpType::unidirectional_sequence_lstm &&
         std::holds_alternative<SequenceLstmAttributes>(op.attributes) &&
         !op.as<SequenceLstmAttributes>().time_major;
}

/// Variables [1,units] that are states of one LSTM op and nothing else: a row for each sample does
/// what the only row does, as all start from zeros.
bool is_state_per_sample(const Graph& graph, TensorId id) {
  const Shape& shape = graph.tensor(id).shape;
  if (graph.is_input(id) || graph.is_output(id) || shape.rank() != 2 || shape[0] != 1) return false;
  const std::vector<OpId>& readers = graph.consumers(id);
  if (readers.size() != 1 || graph.producer(id)) return false;
  const Op& op = graph.op(readers[0]);
  return is_batch_major_lstm(op) &&
         std::ranges::any_of(kLstmStates, [&](size_t i) { return op.input(i) == id; });
}

/// Makes operand `index`, a constant shape that starts with 1, start with n.
void rewrite_leading(Graph& graph, OpId id, size_t index, int n) {
  const Tensor* shape = graph.constant_input(graph.op(id), index);
  if (shape == nullptr) return;
  const auto values = index_values(*shape);
  if (!values || values->empty() || values->front() != 1) return;
  Tensor rewritten = *shape;
  rewritten.data = Buffer::make(shape->data.size(), [&](std::span<uint8_t> bytes) {
    std::ranges::copy(shape->data.bytes(), bytes.begin());
    bytes[0] = static_cast<uint8_t>(n & 0xff);
    bytes[1] = static_cast<uint8_t>(n >> 8 & 0xff);
    bytes[2] = static_cast<uint8_t>(n >> 16 & 0xff);
  });
  graph.set_op_input(id, index, graph.add_tensor(std::move(rewritten)));
}

/// Whether an op keeps the samples along axis 0 of its operands apart. Answers for shapes at batch
/// 1, given that shapes scale with the batch (which the caller has checked for all tensors).
class SampleWise {
 public:
  SampleWise(const Graph& graph, const std::set<TensorId>& dependent)
      : graph_(graph), dependent_(dependent) {}

  bool holds(const Op& op) const {
    switch (op.type) {
      case OpType::conv_2d:
      case OpType::conv_3d:
      case OpType::depthwise_conv_2d:
        return samples(op, 0) && fixed(op, 1) && fixed(op, 2);
      case OpType::batch_normalization:
        return samples(op, 0) && all_fixed_behind(op, 1);
      case OpType::fully_connected:
        return samples(op, 0) && fixed(op, 1) && fixed(op, 2) && !hybrid(op);
      case OpType::transpose_conv:
        return samples(op, 2) && fixed(op, 0) && fixed(op, 1) && fixed(op, 3);
      case OpType::softmax:
      case OpType::log_softmax:
      case OpType::l2_normalization:
        return samples(op, 0) && rank(op, 0) >= 2;
      case OpType::concatenation:
        return all_samples(op) && axis(op.as<ConcatenationAttributes>().axis, rank(op, 0)) != 0;
      case OpType::pack:
        return all_samples(op) && axis(op.as<PackAttributes>().axis, rank(op, 0) + 1) != 0;
      case OpType::unpack:
        return samples(op, 0) && axis(op.as<UnpackAttributes>().axis, rank(op, 0)) != 0;
      case OpType::split:
        return samples(op, 1) && no_value_is_axis_0(op, 0, rank(op, 1));
      case OpType::split_v:
        return samples(op, 0) && fixed(op, 1) && no_value_is_axis_0(op, 2, rank(op, 0));
      case OpType::arg_max:
      case OpType::arg_min:
      case OpType::cumsum:
      case OpType::mean:
      case OpType::reduce_all:
      case OpType::reduce_any:
      case OpType::reduce_max:
      case OpType::reduce_min:
      case OpType::reduce_prod:
      case OpType::reverse_v2:
      case OpType::sum:
        return samples(op, 0) && no_value_is_axis_0(op, 1, rank(op, 0));
      case OpType::transpose:
        return samples(op, 0) && value(op, 1, 0) == 0;
      case OpType::pad:
      case OpType::padv2:
      case OpType::mirror_pad:
        return samples(op, 0) && value(op, 1, 0) == 0 && value(op, 1, 1) == 0 && fixed(op, 2);
      case OpType::tile:
        return samples(op, 0) && value(op, 1, 0) == 1;
      case OpType::slice:
      case OpType::strided_slice:
        return samples(op, 0) && keeps_axis_0(op);
      case OpType::gather:
        return gathers_apart(op);
      case OpType::batch_matmul:
        return multiplies_apart(op);
      case OpType::reshape:
      case OpType::squeeze:
      case OpType::resize_bilinear:
      case OpType::resize_nearest_neighbor:
        return samples(op, 0);
      case OpType::expand_dims:
        return samples(op, 0) && fixed(op, 1);
      case OpType::unidirectional_sequence_lstm:
        return samples(op, 0) && is_batch_major_lstm(op) && all_fixed_behind(op, 1);
      case OpType::recurrent:
        return samples(op, 0) && fixed(op, 1) && fixed(op, 2) && fixed(op, 3) && fixed(op, 4) &&
               (!op.input(5) || samples(op, 5)) && (!op.input(6) || samples(op, 6)) &&
               (!op.input(7) || samples(op, 7));
      default:
        return one_operand_apart(op.type) ? samples(op, 0)
                                          : elementwise(op.type) && broadcasts_apart(op);
    }
  }

 private:
  static bool one_operand_apart(OpType type) {
    switch (type) {
      case OpType::average_pool_2d:
      case OpType::cast:
      case OpType::depth_to_space:
      case OpType::dequantize:
      case OpType::dropout:
      case OpType::l2_pool_2d:
      case OpType::max_pool_2d:
      case OpType::quantize:
      case OpType::space_to_depth:
        return true;
      default:
        return false;
    }
  }

  static bool elementwise(OpType type) {
    switch (type) {
      case OpType::abs:
      case OpType::add:
      case OpType::add_n:
      case OpType::ceil:
      case OpType::cos:
      case OpType::div:
      case OpType::elu:
      case OpType::equal:
      case OpType::exp:
      case OpType::floor:
      case OpType::floor_div:
      case OpType::floor_mod:
      case OpType::gelu:
      case OpType::greater:
      case OpType::greater_equal:
      case OpType::hard_swish:
      case OpType::leaky_relu:
      case OpType::less:
      case OpType::less_equal:
      case OpType::log:
      case OpType::logical_and:
      case OpType::logical_not:
      case OpType::logical_or:
      case OpType::logistic:
      case OpType::maximum:
      case OpType::minimum:
      case OpType::mul:
      case OpType::neg:
      case OpType::not_equal:
      case OpType::pow:
      case OpType::prelu:
      case OpType::relu:
      case OpType::relu6:
      case OpType::relu_0_to_1:
      case OpType::relu_n1_to_1:
      case OpType::round:
      case OpType::rsqrt:
      case OpType::select_v2:
      case OpType::sign:
      case OpType::sin:
      case OpType::sqrt:
      case OpType::square:
      case OpType::squared_difference:
      case OpType::sub:
      case OpType::tanh:
        return true;
      default:
        return false;
    }
  }

  bool samples(const Op& op, size_t i) const { return dependent_.contains(op.input(i)); }
  bool fixed(const Op& op, size_t i) const { return !op.input(i) || !samples(op, i); }
  bool all_fixed_behind(const Op& op, size_t first) const {
    for (size_t i = first; i < op.inputs.size(); ++i) {
      if (!fixed(op, i)) return false;
    }
    return true;
  }
  bool all_samples(const Op& op) const {
    return std::all_of(op.inputs.begin(), op.inputs.end(),
                       [&](TensorId id) { return dependent_.contains(id); });
  }
  int rank(const Op& op, size_t i) const { return graph_.tensor(op.input(i)).shape.rank(); }
  static int axis(int64_t axis, int rank) { return normalized_axis(axis, rank); }

  /// Weights are integers but inputs are not: each input row is quantized by itself or not,
  /// depending on the kernel.
  bool hybrid(const Op& op) const {
    return is_floating_point(graph_.tensor(op.input(0)).type) &&
           is_integer(graph_.tensor(op.input(1)).type);
  }

  std::optional<std::vector<int64_t>> values(const Op& op, size_t i) const {
    const Tensor* constant = graph_.constant_input(op, i);
    return constant != nullptr ? index_values(*constant) : std::nullopt;
  }
  std::optional<int64_t> value(const Op& op, size_t i, size_t position) const {
    const auto all = values(op, i);
    return all && position < all->size() ? std::optional((*all)[position]) : std::nullopt;
  }

  bool no_value_is_axis_0(const Op& op, size_t i, int of_rank) const {
    const auto axes = values(op, i);
    return axes && std::none_of(axes->begin(), axes->end(),
                                [&](int64_t a) { return axis(a, of_rank) == 0; });
  }

  bool keeps_axis_0(const Op& op) const {
    const Shape& x = graph_.tensor(op.input(0)).shape;
    const auto begin = values(op, 1);
    const auto end = values(op, 2);
    if (!begin || !end) return false;
    // The shapes at batch 1 and 2 agree but for axis 0, so a slice that starts there takes all.
    if (op.type == OpType::slice) return slice_spec(x, *begin, *end).axes[0].begin == 0;
    const auto strides = values(op, 3);
    if (!strides) return false;
    const AxisSlice first =
        strided_slice_spec(op.as<StridedSliceAttributes>(), x, *begin, *end, *strides).axes[0];
    return first.begin == 0 && first.stride == 1;
  }

  bool gathers_apart(const Op& op) const {
    const auto& a = op.as<GatherAttributes>();
    if (a.batch_dims != 0) return false;
    if (samples(op, 0)) return fixed(op, 1) && axis(a.axis, rank(op, 0)) != 0;
    return axis(a.axis, rank(op, 0)) == 0;  // rows of a fixed table
  }

  bool multiplies_apart(const Op& op) const {
    const int out = graph_.tensor(op.output()).shape.rank();
    const auto& a = op.as<BatchMatMulAttributes>();
    if (!samples(op, 0)) return false;
    if (samples(op, 1)) return rank(op, 0) == out && rank(op, 1) == out && out >= 3;
    const bool rows = rank(op, 0) >= 3 || !a.adj_x;
    return rows && rank(op, 0) == out && fixed_operand_fits(op, 1, out);
  }

  /// A fixed operand that has no leading axis of its own, or one of size 1.
  bool fixed_operand_fits(const Op& op, size_t i, int out_rank) const {
    const Shape& shape = graph_.tensor(op.input(i)).shape;
    return shape.rank() < out_rank || (shape.rank() == out_rank && shape[0] == 1);
  }

  bool broadcasts_apart(const Op& op) const {
    const int out = graph_.tensor(op.output()).shape.rank();
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      if (samples(op, i) ? rank(op, i) != out : !fixed_operand_fits(op, i, out)) return false;
    }
    return true;
  }

  const Graph& graph_;
  const std::set<TensorId>& dependent_;
};

bool scales_with_batch(const Shape& one, const Shape& two) {
  if (one.rank() < 1 || one.rank() != two.rank() || one[0] != 1 || two[0] != 2) return false;
  return std::equal(one.dims().begin() + 1, one.dims().end(), two.dims().begin() + 1);
}

/// The graph at a batch, with shapes inferred but no large constants computed.
Graph resolved(const Model& model, int batch) {
  Graph graph = model.main();
  if (batch != 1) set_batch(graph, batch);
  resolve(graph, model.main(), {.max_constant_bytes = kMaxIndexValues * 8});
  return graph;
}

bool batchable_graphs(const Graph& one, const Graph& two) {
  if (one.ops() != two.ops() || one.inputs().empty()) return false;
  const std::vector<OpId> ops = one.ops();
  if (std::ranges::any_of(ops, [&](OpId id) { return is_control(one.op(id).type); })) return false;
  const std::set<TensorId> dependent = data_dependent(one);
  for (const TensorId id : one.tensors()) {
    if (one.tensor(id).is_variable && !is_state_per_sample(one, id)) return false;
  }
  for (const TensorId id : one.outputs()) {
    if (!dependent.contains(id)) return false;
  }
  for (const TensorId id : dependent) {
    const Tensor& tensor = one.tensor(id);
    const bool whole_bytes = bit_width(tensor.type) > 0 && bit_width(tensor.type) % 8 == 0;
    if (!whole_bytes || !scales_with_batch(tensor.shape, two.tensor(id).shape)) return false;
  }
  const SampleWise sample_wise(one, dependent);
  for (const OpId id : one.ops()) {
    const Op& op = one.op(id);
    const bool touched = std::any_of(op.outputs.begin(), op.outputs.end(),
                                     [&](TensorId t) { return dependent.contains(t); });
    if (touched && !sample_wise.holds(op)) return false;
    if (op.outputs.empty()) return false;
  }
  return true;
}

int64_t largest_step_bytes(const Graph& graph) {
  const std::set<TensorId> dependent = data_dependent(graph);
  int64_t largest = 1;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    int64_t bytes = 0;
    for (const auto* ids : {&op.inputs, &op.outputs}) {
      for (const TensorId t : *ids) {
        if (t && dependent.contains(t)) bytes += value_bytes(graph.tensor(t));
      }
    }
    largest = std::max(largest, bytes);
  }
  return largest;
}

}  // namespace

void set_batch(Graph& graph, int n) {
  if (n < 1 || n > 1 << 20) fail(ErrorKind::bad_argument, "batch of {} samples", n);
  const std::set<TensorId> dependent = data_dependent(graph);
  for (const TensorId id : graph.inputs()) {
    Tensor& tensor = graph.tensor(id);
    if (tensor.shape.rank() < 1 || (tensor.shape[0] != 1 && tensor.shape[0] != Shape::kUnknown)) {
      fail(ErrorKind::bad_argument, "input {} has shape {}, no batch axis of 1", tensor.name,
           to_string(tensor.shape));
    }
    tensor.shape[0] = n;
  }
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (is_batch_major_lstm(op)) {
      for (const size_t i : kLstmStates) {
        if (op.input(i) && is_state_per_sample(graph, op.input(i))) {
          graph.tensor(op.input(i)).shape[0] = n;
        }
      }
    }
    if (op.type == OpType::transpose_conv && dependent.contains(op.input(2))) {
      rewrite_leading(graph, id, 0, n);
    }
    if (op.type != OpType::reshape || !dependent.contains(op.input(0))) continue;
    rewrite_leading(graph, id, 1, n);
    if (auto* a = std::get_if<ReshapeAttributes>(&op.attributes)) {
      ReshapeAttributes attributes = *a;
      auto& shape = attributes.new_shape;
      if (!shape || shape->empty() || shape->front() != 1) continue;
      shape->front() = n;
      graph.set_op_kind(id, OpType::reshape, attributes);
    }
  }
}

bool batchable(const Model& model) {
  try {
    return batchable_graphs(resolved(model, 1), resolved(model, 2));
  } catch (const Error&) {
    return false;  // shapes do not follow the batch, or the model cannot run at all
  }
}

int choose_batch(const Model& model, int64_t count) {
  // Both operands of the largest op stay in a second-level cache.
  constexpr int64_t kCacheBytes = 512 << 10;
  constexpr int64_t kMostSamples = 32;
  // With few samples a batch would leave workers idle.
  const int64_t wanted = std::min(kMostSamples, count / 16);
  if (wanted < 2 || !batchable(model)) return 1;
  const int64_t fitting = kCacheBytes / largest_step_bytes(resolved(model, 1));
  return static_cast<int>(std::clamp<int64_t>(fitting, 1, wanted));
}

}  // namespace smelt
