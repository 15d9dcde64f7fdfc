#include "smelt/shrink/micro_support.h"

#include <algorithm>
#include <optional>
#include <set>

#include "smelt/ir/dump.h"
#include "smelt/ops/op_def.h"
#include "smelt/ops/precision.h"

namespace smelt {
namespace {

// Element types that kernels take.
constexpr int kF = 1, kI8 = 2, kI16 = 4, kU8 = 8, kI32 = 16, kI64 = 32, kB = 64, kAny = 127;

struct Row {
  OpType op;
  std::string_view call;
  int types;
};

constexpr Row kRows[] = {
    {OpType::abs, "AddAbs", kF | kI8 | kI16},
    {OpType::add, "AddAdd", kF | kI8 | kI16 | kI32},
    {OpType::add_n, "AddAddN", kF},
    {OpType::arg_max, "AddArgMax", kF | kI8},
    {OpType::arg_min, "AddArgMin", kF | kI8},
    {OpType::assign_variable, "AddAssignVariable", kAny},
    {OpType::average_pool_2d, "AddAveragePool2D", kF | kI8 | kI16},
    {OpType::batch_matmul, "AddBatchMatMul", kF | kI8 | kI16},
    {OpType::batch_to_space_nd, "AddBatchToSpaceNd", kF | kI8},
    {OpType::broadcast_args, "AddBroadcastArgs", kI32 | kI64},
    {OpType::broadcast_to, "AddBroadcastTo", kAny},
    {OpType::call_once, "AddCallOnce", kAny},
    {OpType::cast, "AddCast", kF | kI8 | kI16 | kI32 | kB},
    {OpType::ceil, "AddCeil", kF},
    {OpType::concatenation, "AddConcatenation", kF | kI8 | kI16 | kI32 | kI64 | kB},
    {OpType::conv_2d, "AddConv2D", kF | kI8 | kI16},
    {OpType::cos, "AddCos", kF},
    {OpType::cumsum, "AddCumSum", kF | kI8},
    {OpType::depthwise_conv_2d, "AddDepthwiseConv2D", kF | kI8 | kI16},
    {OpType::depth_to_space, "AddDepthToSpace", kF | kI8},
    {OpType::dequantize, "AddDequantize", kI8 | kI16 | kU8},
    {OpType::div, "AddDiv", kF | kI8 | kI32},
    {OpType::dynamic_update_slice, "AddDynamicUpdateSlice", kF | kI8 | kI16 | kI32},
    {OpType::elu, "AddElu", kF | kI8},
    {OpType::embedding_lookup, "AddEmbeddingLookup", kF | kI8},
    {OpType::equal, "AddEqual", kF | kI8 | kI32 | kI64 | kB},
    {OpType::exp, "AddExp", kF},
    {OpType::expand_dims, "AddExpandDims", kF | kI8 | kI16},
    {OpType::fill, "AddFill", kF | kI8 | kI32},
    {OpType::floor, "AddFloor", kF},
    {OpType::floor_div, "AddFloorDiv", kF},
    {OpType::floor_mod, "AddFloorMod", kF},
    {OpType::fully_connected, "AddFullyConnected", kF | kI8 | kI16},
    {OpType::gather, "AddGather", kF | kI8},
    {OpType::gather_nd, "AddGatherNd", kF | kI8},
    {OpType::greater, "AddGreater", kF | kI8 | kI16 | kI32 | kI64},
    {OpType::greater_equal, "AddGreaterEqual", kF | kI8 | kI32 | kI64},
    {OpType::hard_swish, "AddHardSwish", kF | kI8},
    {OpType::if_, "AddIf", kB},
    {OpType::l2_normalization, "AddL2Normalization", kF | kI8},
    {OpType::l2_pool_2d, "AddL2Pool2D", kF},
    {OpType::leaky_relu, "AddLeakyRelu", kF | kI8 | kI16},
    {OpType::less, "AddLess", kF | kI8 | kI32 | kI64},
    {OpType::less_equal, "AddLessEqual", kF | kI8 | kI32 | kI64},
    {OpType::log, "AddLog", kF},
    {OpType::logical_and, "AddLogicalAnd", kB},
    {OpType::logical_not, "AddLogicalNot", kB},
    {OpType::logical_or, "AddLogicalOr", kB},
    {OpType::logistic, "AddLogistic", kF | kI8 | kI16},
    {OpType::log_softmax, "AddLogSoftmax", kF | kI8},
    {OpType::maximum, "AddMaximum", kF | kI8 | kI16 | kI32 | kI64},
    {OpType::max_pool_2d, "AddMaxPool2D", kF | kI8 | kI16},
    {OpType::mean, "AddMean", kF | kI8 | kI16},
    {OpType::minimum, "AddMinimum", kF | kI8 | kI16 | kI32 | kI64},
    {OpType::mirror_pad, "AddMirrorPad", kF | kI8},
    {OpType::mul, "AddMul", kF | kI8 | kI16 | kI32},
    {OpType::neg, "AddNeg", kF},
    {OpType::not_equal, "AddNotEqual", kF | kI8 | kI32 | kI64 | kB},
    {OpType::pack, "AddPack", kF | kI8 | kI16 | kI32 | kI64},
    {OpType::pad, "AddPad", kF | kI8 | kI16 | kI32},
    {OpType::padv2, "AddPadV2", kF | kI8 | kI16 | kI32},
    {OpType::prelu, "AddPrelu", kF | kI8 | kI16},
    {OpType::quantize, "AddQuantize", kF | kI8 | kI16 | kU8},
    {OpType::read_variable, "AddReadVariable", kAny},
    {OpType::reduce_all, "AddReduceAll", kB},
    {OpType::reduce_max, "AddReduceMax", kF | kI8},
    {OpType::reduce_min, "AddReduceMin", kF | kI8},
    {OpType::relu, "AddRelu", kF | kI8 | kI16},
    {OpType::relu6, "AddRelu6", kF | kI8 | kI16},
    {OpType::reshape, "AddReshape", kAny},
    {OpType::resize_bilinear, "AddResizeBilinear", kF | kI8},
    {OpType::resize_nearest_neighbor, "AddResizeNearestNeighbor", kF | kI8 | kI16},
    {OpType::reverse_v2, "AddReverseV2", kAny},
    {OpType::round, "AddRound", kF},
    {OpType::rsqrt, "AddRsqrt", kF | kI8},
    {OpType::select_v2, "AddSelectV2", kF | kI8 | kI16},
    {OpType::shape, "AddShape", kAny},
    {OpType::sin, "AddSin", kF},
    {OpType::slice, "AddSlice", kF | kI8 | kI16 | kI32 | kB},
    {OpType::softmax, "AddSoftmax", kF | kI8 | kI16},
    {OpType::space_to_batch_nd, "AddSpaceToBatchNd", kF | kI8},
    {OpType::space_to_depth, "AddSpaceToDepth", kF | kI8},
    {OpType::split, "AddSplit", kF | kI8 | kI16 | kI32},
    {OpType::split_v, "AddSplitV", kF | kI8 | kI16 | kI32},
    {OpType::sqrt, "AddSqrt", kF},
    {OpType::square, "AddSquare", kF},
    {OpType::squared_difference, "AddSquaredDifference", kF | kI8 | kI16 | kI32},
    {OpType::squeeze, "AddSqueeze", kAny},
    {OpType::strided_slice, "AddStridedSlice", kF | kI8 | kI16 | kI32 | kB},
    {OpType::sub, "AddSub", kF | kI8 | kI16 | kI32},
    {OpType::sum, "AddSum", kF | kI8 | kI16},
    {OpType::svdf, "AddSvdf", kF | kI8},
    {OpType::tanh, "AddTanh", kF | kI8 | kI16},
    {OpType::transpose, "AddTranspose", kF | kI8 | kI16},
    {OpType::transpose_conv, "AddTransposeConv", kF | kI8 | kI16},
    {OpType::unidirectional_sequence_lstm, "AddUnidirectionalSequenceLSTM", kF | kI8 | kI16},
    {OpType::unpack, "AddUnpack", kF | kI8 | kI16 | kI32},
    {OpType::var_handle, "AddVarHandle", kAny},
    {OpType::while_, "AddWhile", kAny},
    {OpType::zeros_like, "AddZerosLike", kF | kI8 | kI32 | kI64},
};

/// Custom ops that its resolver has calls for.
constexpr std::pair<std::string_view, std::string_view> kCustom[] = {
    {"CIRCULAR_BUFFER", "AddCircularBuffer"},
    {"TFLite_Detection_PostProcess", "AddDetectionPostprocess"},
};

int flag_of(DataType type) {
  switch (type) {
    case DataType::float32:
      return kF;
    case DataType::int8:
      return kI8;
    case DataType::int16:
      return kI16;
    case DataType::uint8:
      return kU8;
    case DataType::int32:
      return kI32;
    case DataType::int64:
      return kI64;
    case DataType::boolean:
      return kB;
    default:
      return 0;
  }
}

const Row* row_of(OpType op) {
  const auto found = std::find_if(std::begin(kRows), std::end(kRows),
                                  [&](const Row& row) { return row.op == op; });
  return found == std::end(kRows) ? nullptr : found;
}

/// The type that the op is chosen by: that of its first computed operand, else of its first one.
DataType main_type(const Graph& graph, const Op& op) {
  for (const TensorId id : op.inputs) {
    if (id && !graph.tensor(id).is_constant && !graph.tensor(id).is_variable) {
      return graph.tensor(id).type;
    }
  }
  if (op.input(0)) return graph.tensor(op.input(0)).type;
  return op.output() ? graph.tensor(op.output()).type : DataType::float32;
}

std::string weight_obstacle(const Graph& graph, const Op& op, DataType activations) {
  const int index = weight_operand(graph, op).index;
  const Tensor* weights =
      index >= 0 ? graph.constant_input(op, static_cast<size_t>(index)) : nullptr;
  if (!weights || weights->type == activations) return "";
  const bool integers = activations == DataType::int8 || activations == DataType::int16;
  if (integers && weights->type == DataType::int8) return "";
  if (activations == DataType::int8 && weights->type == DataType::int4 &&
      has_int4_kernel(op.type)) {
    return "";
  }
  return fmt::format("{} weights beside {} activations", name(weights->type), name(activations));
}

std::string obstacle(const Graph& graph, const Op& op) {
  if (op.type == OpType::custom) {
    const std::string& custom = op.as<CustomAttributes>().code;
    const bool known = std::any_of(std::begin(kCustom), std::end(kCustom),
                                   [&](const auto& row) { return row.first == custom; });
    return known ? "" : fmt::format("custom op {} needs a kernel of its own", custom);
  }
  const Row* row = row_of(op.type);
  if (!row) return "TFLite Micro has no kernel for it";
  const DataType type = main_type(graph, op);
  if ((row->types & flag_of(type)) == 0) return fmt::format("no kernel for {}", name(type));
  if (op.type == OpType::dequantize && graph.tensor(op.input(0)).quantization.per_axis()) {
    return "it takes a scale per channel for one scale";
  }
  return weight_obstacle(graph, op, type);
}

std::string resolver_call(const Op& op) {
  if (op.type != OpType::custom) {
    const Row* row = row_of(op.type);
    return row ? fmt::format("{}()", row->call) : "";
  }
  const std::string& custom = op.as<CustomAttributes>().code;
  for (const auto& [name, call] : kCustom) {
    if (name == custom) return fmt::format("{}()", call);
  }
  return fmt::format("AddCustom(\"{}\", ...)", custom);
}

}  // namespace

MicroSupport micro_support(const Model& model) {
  MicroSupport support;
  std::set<std::string> calls;
  for (const Graph& graph : model.graphs) {
    for (const OpId id : graph.ops()) {
      const Op& op = graph.op(id);
      if (const std::string reason = obstacle(graph, op); !reason.empty()) {
        support.obstacles.push_back(fmt::format("{}: {}", describe(graph, id), reason));
      }
      if (std::string call = resolver_call(op); !call.empty()) calls.insert(std::move(call));
    }
  }
  support.resolver_calls.assign(calls.begin(), calls.end());
  return support;
}

}  // namespace smelt
