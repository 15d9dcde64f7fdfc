#include "smelt/run/arena_kernels.h"

#include <algorithm>
#include <array>

#include "smelt/base/bytes.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

/// An op as its Prepare function sees it.
struct MicroOp {
  const Graph& graph;
  const Op& op;
  const MicroBuild& build;

  const Tensor* input(size_t i) const { return op.input(i) ? &graph.tensor(op.input(i)) : nullptr; }
  const Tensor* output() const { return op.output() ? &graph.tensor(op.output()) : nullptr; }
  DataType type(size_t i) const { return input(i) ? input(i)->type : DataType::float32; }
  int64_t rank(size_t i) const { return input(i) ? input(i)->shape.rank() : 0; }
  int64_t dim(size_t i, int axis) const {
    return axis < rank(i) ? std::max(0, input(i)->shape[axis]) : 0;
  }
  int64_t elements(size_t i) const { return input(i) ? input(i)->shape.elements() : 0; }
  /// Bytes of the operand's or the result's elements as `type`.
  int64_t bytes(size_t i, DataType type) const { return storage_bytes(type, elements(i)); }
  int64_t output_bytes(DataType type) const {
    return output() ? storage_bytes(type, output()->shape.elements()) : 0;
  }
  bool narrow(size_t i) const { return type(i) == DataType::int8 || type(i) == DataType::int16; }
};

using Prepare = void (*)(const MicroOp& in, KernelMemory& out);

/// A multiplier and a shift per output channel.
void add_channels(int64_t channels, KernelMemory& out) {
  out.persistent.insert(out.persistent.end(), {4 * channels, 4 * channels});
}

/// int4 weights are unpacked into a buffer of their own.
void add_unpacked(const MicroOp& in, KernelMemory& out) {
  if (in.type(1) == DataType::int4) out.scratch.push_back(in.elements(1));
}

/// A copy of the shape of the result, which the kernel writes (CreateWritableTensorDimsWithCopy in
/// kernel_util.cc).
void own_shape(const MicroOp& in, KernelMemory& out) {
  if (in.output()) out.persistent.push_back(4 + 4 * in.output()->shape.rank());
}

void conv(const MicroOp& in, KernelMemory& out) {
  add_channels(in.dim(1, 0), out);
  add_unpacked(in, out);
}

void depthwise(const MicroOp& in, KernelMemory& out) {
  add_channels(in.dim(1, 3), out);
  add_unpacked(in, out);
}

void transpose_conv(const MicroOp& in, KernelMemory& out) {
  add_channels(in.dim(1, 0), out);
  if (in.type(2) == DataType::int8) out.scratch.push_back(in.output_bytes(DataType::int32));
  if (in.type(2) == DataType::int16) {
    out.scratch.push_back(in.output_bytes(DataType::int64));
    if (in.input(3) && in.type(3) == DataType::int16)
      out.scratch.push_back(in.bytes(3, DataType::int64));
  }
}

void dense(const MicroOp& in, KernelMemory& out) {
  add_unpacked(in, out);
  if (in.type(0) == DataType::float32 || !in.input(1)) return;
  const Quantization& weights = in.input(1)->quantization;
  if (weights.per_axis()) add_channels(static_cast<int64_t>(weights.scale.size()), out);
}

/// Each transposed operand is an eval tensor with a shape and a value of its own.
void batch_matmul(const MicroOp& in, KernelMemory& out) {
  const auto* attributes = std::get_if<BatchMatMulAttributes>(&in.op.attributes);
  if (attributes == nullptr) return;
  if (in.narrow(0)) out.persistent.push_back(28);
  const auto transposed = [&](size_t i) {
    if (!in.input(i)) return;
    out.persistent.insert(out.persistent.end(),
                          {3 * in.build.pointer, 4 + 4 * in.rank(i), micro_bytes(*in.input(i))});
  };
  if (attributes->adj_x) transposed(0);
  if (!attributes->adj_y) transposed(1);
  own_shape(in, out);
}

void softmax(const MicroOp& in, KernelMemory& out) {
  constexpr int64_t kTable = 2 * 513;
  if (in.type(0) == DataType::int16) out.persistent.insert(out.persistent.end(), {kTable, kTable});
}

/// An iterator over the input and the axes.
void reduce(const MicroOp& in, KernelMemory& out) {
  out.scratch.insert(out.scratch.end(), {4 * in.rank(0), in.bytes(1, DataType::int32)});
}

void mean_or_sum(const MicroOp& in, KernelMemory& out) {
  if (in.narrow(0)) out.scratch.push_back(in.output_bytes(DataType::int32));
  reduce(in, out);
}

void mirror_pad(const MicroOp& in, KernelMemory& out) {
  out.scratch.insert(out.scratch.end(), {4 * in.rank(0), 4 * in.rank(0)});
}

/// Pointers to the operands.
void add_n(const MicroOp& in, KernelMemory& out) {
  out.scratch.push_back(in.build.pointer * static_cast<int64_t>(in.op.inputs.size()));
  if (in.type(0) == DataType::int8) out.persistent.push_back(40);
}

void cumsum(const MicroOp& in, KernelMemory& out) {
  if (in.type(0) == DataType::int8) out.persistent.push_back(36);
}

void log_softmax(const MicroOp& in, KernelMemory& out) {
  if (in.type(0) == DataType::int8) out.persistent.push_back(in.build.wide() ? 40 : 28);
}

void embedding_lookup(const MicroOp& in, KernelMemory& out) {
  own_shape(in, out);
  out.persistent.push_back(2 * in.build.pointer);
}

void svdf(const MicroOp& in, KernelMemory& out) {
  out.scratch.push_back(checked_mul(4 * in.dim(0, 0), in.dim(1, 0), "states"));
  if (in.narrow(0)) out.scratch.push_back(in.output_bytes(DataType::int32));
}

/// Four buffers of the size of the state, of the type of the cell state.
void lstm(const MicroOp& in, KernelMemory& out) {
  constexpr size_t kOutputState = 18, kCellState = 19;
  const auto* attributes = std::get_if<SequenceLstmAttributes>(&in.op.attributes);
  if (attributes == nullptr) return;
  const int64_t batch = attributes->time_major ? in.dim(0, 1) : in.dim(0, 0);
  const int64_t states = checked_mul(batch, in.dim(kOutputState, 1), "states");
  out.scratch.assign(4, storage_bytes(in.type(kCellState), states));
}

void nothing(const MicroOp&, KernelMemory&) {}

/// A kernel's memory: the file that says so, bytes of the parsed options (builtin_op_data.h) with
/// 64-bit and with 32-bit pointers, of its struct, what compression adds to that, and what its
/// Prepare function asks for besides. Options that differ hold pointers. Those of FULLY_CONNECTED
/// are 16 bytes in older versions; that they are 32, aligned to 8, is measured in the package, and
/// 24 what follows for 32 bits.
struct KernelRow {
  OpType type;
  std::string_view source;
  int64_t options64, options32, data64, data32, compression;
  Prepare prepare;
};

// clang-format off
constexpr auto kKernels = std::to_array<KernelRow>({
    {OpType::conv_2d, "conv_common.cc", 28, 28, 72, 56, 8, conv},
    {OpType::depthwise_conv_2d, "depthwise_conv_common.cc", 28, 28, 72, 56, 8, depthwise},
    {OpType::transpose_conv, "transpose_conv.cc", 20, 20, 80, 72, 8, transpose_conv},
    {OpType::fully_connected, "fully_connected_common.cc", 32, 24, 64, 48, 8, dense},
    {OpType::batch_matmul, "batch_matmul.cc", 3, 3, 32, 16, 0, batch_matmul},
    {OpType::svdf, "svdf_common.cc", 12, 12, 36, 36, 0, svdf},
    {OpType::unidirectional_sequence_lstm, "unidirectional_sequence_lstm.cc", 16, 16, 688, 688, 0, lstm},

    {OpType::average_pool_2d, "pooling.cc", 40, 40, 32, 32, 0, nothing},
    {OpType::max_pool_2d, "pooling.cc", 40, 40, 32, 32, 0, nothing},
    {OpType::l2_pool_2d, "l2_pool_2d.cc", 40, 40, 0, 0, 0, own_shape},
    {OpType::mean, "reduce_common.cc", 1, 1, 44, 44, 0, mean_or_sum},
    {OpType::sum, "reduce_common.cc", 1, 1, 44, 44, 0, mean_or_sum},
    {OpType::reduce_max, "reduce_common.cc", 1, 1, 44, 44, 0, reduce},
    {OpType::reduce_min, "reduce_common.cc", 1, 1, 44, 44, 0, reduce},
    {OpType::reduce_all, "reduce_common.cc", 1, 1, 44, 44, 0, reduce},
    {OpType::cumsum, "cumsum.cc", 2, 2, 0, 0, 0, cumsum},
    {OpType::arg_max, "arg_min_max.cc", 4, 4, 0, 0, 0, nothing},
    {OpType::arg_min, "arg_min_max.cc", 4, 4, 0, 0, 0, nothing},

    {OpType::add, "add.h", 8, 8, 60, 60, 0, nothing},
    {OpType::sub, "sub.h", 8, 8, 52, 52, 0, nothing},
    {OpType::mul, "mul.h", 4, 4, 36, 36, 0, nothing},
    {OpType::div, "div.cc", 4, 4, 28, 28, 0, nothing},
    {OpType::add_n, "add_n.cc", 0, 0, 0, 0, 0, add_n},
    {OpType::squared_difference, "squared_difference.cc", 0, 0, 112, 112, 0, nothing},
    {OpType::equal, "comparisons.cc", 0, 0, 32, 32, 0, nothing},
    {OpType::not_equal, "comparisons.cc", 0, 0, 32, 32, 0, nothing},
    {OpType::less, "comparisons.cc", 0, 0, 32, 32, 0, nothing},
    {OpType::less_equal, "comparisons.cc", 0, 0, 32, 32, 0, nothing},
    {OpType::greater, "comparisons.cc", 0, 0, 32, 32, 0, nothing},
    {OpType::greater_equal, "comparisons.cc", 0, 0, 32, 32, 0, nothing},
    {OpType::select_v2, "select.cc", 0, 0, 1, 1, 0, nothing},

    {OpType::relu, "activations.h", 0, 0, 28, 28, 0, nothing},
    {OpType::relu6, "activations.h", 0, 0, 8, 8, 0, nothing},
    {OpType::leaky_relu, "leaky_relu.h", 4, 4, 24, 24, 0, nothing},
    {OpType::prelu, "prelu.h", 0, 0, 28, 28, 0, nothing},
    {OpType::elu, "elu.cc", 0, 0, 256, 256, 0, nothing},
    {OpType::hard_swish, "hard_swish.h", 0, 0, 20, 20, 0, nothing},
    {OpType::logistic, "logistic.h", 0, 0, 16, 16, 0, nothing},
    {OpType::tanh, "tanh.cc", 0, 0, 16, 16, 0, nothing},
    {OpType::softmax, "softmax_common.cc", 4, 4, 80, 56, 0, softmax},
    {OpType::log_softmax, "log_softmax.cc", 0, 0, 0, 0, 0, log_softmax},
    {OpType::l2_normalization, "l2norm.cc", 4, 4, 4, 4, 0, nothing},
    {OpType::abs, "elementwise.cc", 0, 0, 28, 28, 0, nothing},
    {OpType::rsqrt, "elementwise.cc", 0, 0, 28, 28, 0, nothing},
    {OpType::quantize, "quantize.h", 0, 0, 32, 32, 0, nothing},
    {OpType::dequantize, "dequantize.h", 0, 0, 32, 32, 0, nothing},
    {OpType::cast, "cast.cc", 8, 8, 0, 0, 0, nothing},

    {OpType::concatenation, "concatenation.cc", 8, 8, 40, 24, 40, nothing},
    {OpType::reshape, "reshape_common.cc", 36, 36, 0, 0, 0, nothing},
    {OpType::squeeze, "squeeze.cc", 36, 36, 0, 0, 0, nothing},
    {OpType::pad, "pad.h", 0, 0, 56, 56, 0, nothing},
    {OpType::padv2, "pad.h", 0, 0, 56, 56, 0, nothing},
    {OpType::mirror_pad, "mirror_pad.cc", 4, 4, 20, 20, 0, mirror_pad},
    {OpType::strided_slice, "strided_slice.h", 24, 24, 84, 84, 0, nothing},
    {OpType::space_to_batch_nd, "space_to_batch_nd.cc", 0, 0, 4, 4, 0, nothing},
    {OpType::space_to_depth, "space_to_depth.cc", 4, 4, 0, 0, 0, own_shape},
    {OpType::depth_to_space, "depth_to_space.cc", 4, 4, 0, 0, 0, own_shape},
    {OpType::resize_bilinear, "resize_bilinear.cc", 2, 2, 0, 0, 0, nothing},
    {OpType::resize_nearest_neighbor, "resize_nearest_neighbor.cc", 2, 2, 0, 0, 0, nothing},
    {OpType::gather, "gather.cc", 8, 8, 0, 0, 0, own_shape},
    {OpType::gather_nd, "gather_nd.cc", 0, 0, 0, 0, 0, own_shape},
    {OpType::embedding_lookup, "embedding_lookup.cc", 0, 0, 0, 0, 0, embedding_lookup},
    {OpType::pack, "pack.cc", 8, 8, 0, 0, 0, nothing},
    {OpType::unpack, "unpack.cc", 8, 8, 0, 0, 0, nothing},
    {OpType::split, "split.cc", 4, 4, 0, 0, 0, nothing},
    {OpType::split_v, "split_v.cc", 4, 4, 0, 0, 0, nothing},
    {OpType::shape, "shape.cc", 4, 4, 0, 0, 0, nothing},

    {OpType::if_, "if.cc", 8, 8, 8, 8, 0, nothing},
    {OpType::while_, "while.cc", 8, 8, 8, 8, 0, nothing},
    {OpType::call_once, "call_once.cc", 4, 4, 8, 8, 0, nothing},
    {OpType::var_handle, "var_handle.cc", 16, 8, 4, 4, 0, nothing},
    {OpType::assign_variable, "assign_variable.cc", 0, 0, 0, 0, 4, nothing},
});
// clang-format on

}  // namespace

int64_t micro_bytes(const Tensor& tensor) {
  const int64_t elements = tensor.shape.elements();
  switch (tensor.type) {
    case DataType::int4:
      return storage_bytes(DataType::int8, elements);
    case DataType::resource:
      return storage_bytes(DataType::int32, elements);
    case DataType::int2:
    case DataType::uint4:
    case DataType::float8_e4m3fn:
    case DataType::float8_e5m2:
      fail(ErrorKind::unsupported, "{} is of type {}, which TensorFlow Lite Micro does not know",
           tensor.name, name(tensor.type));
    default:
      return value_bytes(tensor);
  }
}

KernelMemory kernel_memory(const Graph& graph, const Op& op, const MicroBuild& build) {
  if (op.type == OpType::custom) return custom_kernel_memory(graph, op, build);
  KernelMemory memory;
  const auto row = std::find_if(kKernels.begin(), kKernels.end(),
                                [&](const KernelRow& r) { return r.type == op.type; });
  if (row == kKernels.end()) return memory;
  memory.options = build.wide() ? row->options64 : row->options32;
  if (memory.options % 4 != 0) memory.options_alignment = 1;
  if (row->options64 != row->options32) memory.options_alignment = build.pointer;
  int64_t data = build.wide() ? row->data64 : row->data32;
  if (build.compression) data += row->compression;
  if (data > 0) memory.persistent.push_back(data);
  row->prepare({graph, op, build}, memory);
  return memory;
}

}  // namespace smelt
