#include "smelt/run/arena_estimate.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "smelt/run/memory_plan.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

// Sizes of structs: tensorflow/lite/micro (micro_allocator.h, micro_common.h, kernels/*.h) and
// lite/core/c/builtin_op_data.h, laid out for 32-bit and 64-bit pointers. On the host the fixed
// part and FULLY_CONNECTED are as measured with the recording interpreter.
struct StructSizes {
  int64_t pointer, fixed, eval_tensor, node, tensor, quantization;
};
constexpr StructSizes kMicrocontroller = {4, 176, 12, 32, 40, 20};
constexpr StructSizes kHost = {8, 488, 24, 64, 64, 32};

/// What a kernel keeps for each op: its parsed options and its own data.
struct OpSizes {
  int64_t options = 0;
  int64_t data32 = 0;
  int64_t data64 = 0;
};

OpSizes sizes_of(OpType type) {
  switch (type) {
    case OpType::conv_2d:
    case OpType::depthwise_conv_2d:
      return {28, 56, 80};
    case OpType::transpose_conv:
      return {20, 80, 104};
    case OpType::fully_connected:
      return {16, 48, 72};
    case OpType::add:
      return {8, 60, 60};
    case OpType::sub:
      return {8, 52, 52};
    case OpType::mul:
      return {4, 36, 36};
    case OpType::average_pool_2d:
    case OpType::max_pool_2d:
    case OpType::l2_pool_2d:
      return {40, 32, 32};
    case OpType::softmax:
      return {4, 56, 80};
    case OpType::mean:
    case OpType::sum:
    case OpType::reduce_max:
    case OpType::reduce_min:
      return {1, 44, 44};
    case OpType::concatenation:
      return {8, 72, 88};
    case OpType::reshape:
      return {36, 0, 0};
    case OpType::squeeze:
      return {36, 0, 0};
    case OpType::pad:
    case OpType::padv2:
      return {0, 56, 56};
    case OpType::strided_slice:
      return {24, 80, 88};
    case OpType::leaky_relu:
      return {4, 36, 36};
    case OpType::logistic:
    case OpType::tanh:
      return {0, 24, 24};
    case OpType::relu:
    case OpType::relu6:
      return {0, 44, 44};
    case OpType::quantize:
      return {0, 44, 48};
    case OpType::dequantize:
      return {0, 24, 32};
    case OpType::hard_swish:
    case OpType::prelu:
    case OpType::equal:
    case OpType::not_equal:
    case OpType::less:
    case OpType::less_equal:
    case OpType::greater:
    case OpType::greater_equal:
      return {0, 32, 32};
    case OpType::squared_difference:
      return {0, 104, 104};
    case OpType::abs:
    case OpType::rsqrt:
      return {0, 40, 40};
    case OpType::batch_matmul:
      return {4, 64, 80};
    case OpType::svdf:
      return {12, 56, 56};
    case OpType::unidirectional_sequence_lstm:
      return {24, 480, 512};
    case OpType::gather:
    case OpType::pack:
    case OpType::unpack:
      return {8, 0, 0};
    case OpType::split:
    case OpType::split_v:
    case OpType::mirror_pad:
      return {4, 8, 8};
    case OpType::resize_bilinear:
    case OpType::resize_nearest_neighbor:
    case OpType::l2_normalization:
      return {4, 8, 8};
    default:
      return {};
  }
}

/// The persistent end of the arena: blocks are put one in front of the other.
class Tail {
 public:
  void add(int64_t bytes, int64_t alignment = 16) {
    used_ = (used_ + bytes + alignment - 1) / alignment * alignment;
  }
  int64_t used() const { return used_; }

 private:
  int64_t used_ = 0;
};

int64_t elements(const Graph& graph, TensorId id) {
  return id && graph.tensor(id).shape.known() ? graph.tensor(id).shape.elements() : 0;
}

/// Scratch buffers that the reference kernel of an op asks for.
std::vector<int64_t> scratch_of(const Graph& graph, const Op& op) {
  const auto type_of = [&](size_t i) {
    return op.input(i) ? graph.tensor(op.input(i)).type : DataType::float32;
  };
  const auto rank_of = [&](size_t i) {
    return op.input(i) ? int64_t{graph.tensor(op.input(i)).shape.rank()} : 0;
  };
  const bool quantized = type_of(0) == DataType::int8 || type_of(0) == DataType::int16;
  switch (op.type) {
    case OpType::mean:
    case OpType::sum: {
      std::vector<int64_t> bytes = {4 * rank_of(0), 4 * elements(graph, op.input(1))};
      if (quantized) bytes.insert(bytes.begin(), 4 * elements(graph, op.output()));
      return bytes;
    }
    case OpType::reduce_max:
    case OpType::reduce_min:
      return {4 * rank_of(0), 4 * elements(graph, op.input(1))};
    case OpType::transpose_conv:
      if (type_of(2) == DataType::int8) return {4 * elements(graph, op.output())};
      if (type_of(2) == DataType::int16) return {8 * elements(graph, op.output())};
      return {};
    case OpType::conv_2d:
    case OpType::depthwise_conv_2d:
    case OpType::fully_connected:
      if (type_of(1) == DataType::int4) return {elements(graph, op.input(1))};
      return {};
    case OpType::mirror_pad:
      return {4 * rank_of(0), 4 * rank_of(0)};
    case OpType::svdf: {
      const int64_t filters =
          op.input(1) && rank_of(1) == 2 ? graph.tensor(op.input(1)).shape[0] : 0;
      const int64_t batch = rank_of(0) == 2 ? graph.tensor(op.input(0)).shape[0] : 1;
      if (!quantized) return {4 * batch * filters};
      return {4 * batch * filters, 4 * elements(graph, op.output())};
    }
    default:
      return {};
  }
}

/// Activations and scratch of the main graph: each lives from the op that makes it to its last
/// reader, time 0 being in front of the first op (AllocationInfoBuilder::MarkAllocationLifetimes).
int64_t plan_head(const Graph& graph, size_t& scratch_count) {
  std::map<TensorId, MemoryRequest> lives;
  auto touch = [&](TensorId id, int time) {
    if (!id) return;
    const Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant || tensor.is_variable || !tensor.shape.known() ||
        bit_width(tensor.type) == 0) {
      return;
    }
    const auto [place, is_new] = lives.try_emplace(id);
    if (is_new) place->second = {.bytes = value_bytes(tensor), .first = time, .last = time};
    place->second.last = std::max(place->second.last, time);
  };
  std::vector<MemoryRequest> scratch;
  for (const TensorId id : graph.inputs()) touch(id, 0);
  int time = 0;
  for (const OpId id : graph.ops()) {
    ++time;
    const Op& op = graph.op(id);
    for (const TensorId t : op.outputs) touch(t, time);
    for (const TensorId t : op.inputs) touch(t, time);
    for (const int64_t bytes : scratch_of(graph, op)) {
      scratch.push_back({.bytes = bytes, .first = time, .last = time});
    }
  }
  for (const TensorId id : graph.outputs()) touch(id, time);
  std::vector<MemoryRequest> requests;
  for (const auto& [id, request] : lives) {
    if (request.bytes > 0) requests.push_back(request);
  }
  scratch_count = scratch.size();
  requests.insert(requests.end(), scratch.begin(), scratch.end());
  int64_t total = 0;
  plan_greedily(requests, 16, total);
  return total;
}

int64_t channels(const Graph& graph, const Op& op) {
  const TensorId weights = op.input(1);
  const bool quantized_dense = op.type == OpType::fully_connected && weights &&
                               graph.tensor(weights).quantization.per_axis();
  const bool convolution = op.type == OpType::conv_2d || op.type == OpType::depthwise_conv_2d ||
                           op.type == OpType::transpose_conv;
  if ((!convolution && !quantized_dense) || !weights) return 0;
  const Shape& shape = graph.tensor(weights).shape;
  if (shape.rank() == 0) return 0;
  return op.type == OpType::depthwise_conv_2d ? shape.back() : shape[0];
}

void add_ops(const Graph& graph, bool host, Tail& tail) {
  for (const OpId id : graph.ops()) {
    const OpType type = graph.op(id).type;
    const bool dense = host && type == OpType::fully_connected;
    const int64_t options = dense ? 32 : sizes_of(type).options;
    if (options > 0) tail.add(options, std::min<int64_t>(options, 4));
  }
  for (const OpId id : graph.ops()) {
    const OpSizes sizes = sizes_of(graph.op(id).type);
    const int64_t bytes = host ? sizes.data64 : sizes.data32;
    if (bytes > 0) tail.add(bytes);
  }
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    const int64_t count = channels(graph, op);
    if (count > 0) {
      tail.add(4 * count);
      tail.add(4 * count);
    }
    if (op.type == OpType::softmax && op.input(0) &&
        graph.tensor(op.input(0)).type == DataType::int16) {
      tail.add(2 * 513);
      tail.add(2 * 513);
    }
  }
}

}  // namespace

ArenaEstimate estimate_arena(const Model& model, MicroTarget target) {
  const bool host = target == MicroTarget::host;
  const StructSizes& sizes = host ? kHost : kMicrocontroller;
  const Graph& main = model.main();
  ArenaEstimate estimate;
  size_t scratch_count = 0;
  estimate.head = plan_head(main, scratch_count);
  Tail tail;
  tail.add(sizes.fixed, 8);
  for (const Graph& graph : model.graphs) {
    tail.add(sizes.eval_tensor * static_cast<int64_t>(graph.tensors().size()), sizes.pointer);
    tail.add(sizes.node * static_cast<int64_t>(graph.op_count()), sizes.pointer);
  }
  for (const Graph& graph : model.graphs) add_ops(graph, host, tail);
  for (const TensorId id : main.tensors()) {
    const Tensor& tensor = main.tensor(id);
    if (tensor.is_variable && tensor.shape.known() && bit_width(tensor.type) > 0) {
      tail.add(value_bytes(tensor));
    }
  }
  tail.add(sizes.pointer * static_cast<int64_t>(scratch_count), sizes.pointer);
  for (const auto* ids : {&main.inputs(), &main.outputs()}) {
    tail.add(sizes.pointer * static_cast<int64_t>(ids->size()));
    for (const TensorId id : *ids) {
      tail.add(sizes.tensor, sizes.pointer);
      if (main.tensor(id).quantization.quantized()) tail.add(sizes.quantization, 4);
    }
  }
  tail.add(0);
  estimate.persistent = tail.used();
  return estimate;
}

}  // namespace smelt
