#include "smelt/quantize/litert_policy.h"

#include <algorithm>

#include "smelt/base/error.h"

namespace smelt {
namespace {

/// Ops with weights, and which forms of them there are.
struct WeightOp {
  OpType type;
  bool fixed;      ///< static int8 and int16 activations with int8 weights
  bool fixed4;     ///< the same with int4 weights
  bool dynamic4;   ///< dynamic with int4 weights; all are dynamic with int8 weights
  bool blockwise;  ///< dynamic with blocks of int4 weights
  bool only4;      ///< weight-only int4; all are weight-only int8
  bool half;       ///< float16 weights
  bool least_error;
};

constexpr WeightOp kWeightOps[] = {
    {OpType::fully_connected, true, true, true, true, true, true, true},
    {OpType::conv_2d, true, true, true, false, true, true, true},
    {OpType::depthwise_conv_2d, true, false, false, false, false, true, true},
    {OpType::transpose_conv, true, false, false, false, false, true, true},
    {OpType::embedding_lookup, false, false, true, true, true, true, true},
    {OpType::batch_matmul, true, false, false, false, true, false, false},
};

/// Ops without weights; static only.
constexpr OpType kPlainOps[] = {
    OpType::add,
    OpType::average_pool_2d,
    OpType::concatenation,
    OpType::gelu,
    OpType::logistic,
    OpType::mean,
    OpType::mul,
    OpType::reshape,
    OpType::rsqrt,
    OpType::softmax,
    OpType::split,
    OpType::strided_slice,
    OpType::sub,
    OpType::tanh,
    OpType::transpose,
    OpType::slice,
    OpType::sum,
    OpType::select,
    OpType::select_v2,
    OpType::pad,
    OpType::dynamic_update_slice,
    OpType::max_pool_2d,
    OpType::resize_bilinear,
    OpType::resize_nearest_neighbor,
    OpType::gather_nd,
    OpType::pack,
    OpType::unpack,
    OpType::div,
    OpType::broadcast_to,
    OpType::sqrt,
    OpType::gather,
    OpType::maximum,
    OpType::padv2,
    OpType::reduce_min,
    OpType::equal,
    OpType::not_equal,
    OpType::mirror_pad,
    OpType::relu,
    OpType::stablehlo_composite,
};
constexpr OpType kPlainInt8Ops[] = {OpType::squared_difference, OpType::hard_swish,
                                    OpType::space_to_depth};

bool has_form(const WeightOp& op, const LitertMode& mode) {
  if (mode.algorithm == "MSE" && !op.least_error) return false;
  const bool four = mode.weight_bits == 4;
  switch (mode.precision) {
    case Precision::int8:
    case Precision::int16x8:
      return !mode.blockwise && (four ? op.fixed4 : op.fixed);
    case Precision::dynamic:
      return mode.blockwise ? four && op.blockwise : !four || op.dynamic4;
    case Precision::weight_only:
      return !mode.blockwise && (!four || op.only4);
    case Precision::float16:
      return op.half;
    case Precision::float32:
      return false;
  }
  return false;
}

}  // namespace

std::vector<OpType> litert_ops(const LitertMode& mode) {
  std::vector<OpType> ops;
  for (const WeightOp& op : kWeightOps) {
    if (has_form(op, mode)) ops.push_back(op.type);
  }
  const bool fixed = mode.precision == Precision::int8 || mode.precision == Precision::int16x8;
  if (!fixed || mode.algorithm == "MSE") return ops;
  ops.insert(ops.end(), std::begin(kPlainOps), std::end(kPlainOps));
  if (mode.precision == Precision::int8) {
    ops.insert(ops.end(), std::begin(kPlainInt8Ops), std::end(kPlainInt8Ops));
  }
  return ops;
}

OpType litert_op(std::string_view operation) {
  if (operation == "CONV_2D_TRANSPOSE") return OpType::transpose_conv;
  if (operation == "CUSTOM_OP") return OpType::custom;
  if (const auto type = op_type_from_name(operation)) return *type;
  fail(ErrorKind::bad_argument, "'{}' is no operation of the LiteRT quantizer", operation);
}

}  // namespace smelt
