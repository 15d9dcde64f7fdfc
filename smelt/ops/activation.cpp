#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [..., C], alpha broadcast to it.
void infer_prelu(ShapeContext& context) {
  const Shape& x = context.shape(0);
  if (broadcast(x, context.shape(1)) != x) {
    fail(ErrorKind::bad_file, "slopes {} do not broadcast to {}", to_string(context.shape(1)),
         to_string(x));
  }
  context.set_output(0, x);
}

void infer_at_least_rank_1(ShapeContext& context) {
  if (context.shape(0).rank() < 1) fail(ErrorKind::bad_file, "operand 0 is a scalar");
  infer_same(context);
}

}  // namespace

// Fixed ranges: TFLite 8-bit quantization specification, LOGISTIC, TANH, SOFTMAX, LOG_SOFTMAX and
// L2_NORMALIZATION.
void define_activation(OpTable& table) {
  table[OpType::softmax] = row(1, 1, infer_at_least_rank_1, fixed_scale(1.0f / 256, -128));
  table[OpType::log_softmax] = row(1, 1, infer_at_least_rank_1, fixed_scale(16.0f / 256, 127));
  table[OpType::logistic] = row(1, 1, infer_same, fixed_scale(1.0f / 256, -128));
  table[OpType::tanh] = row(1, 1, infer_same, fixed_scale(1.0f / 128, 0));
  table[OpType::l2_normalization] = row(1, 1, infer_at_least_rank_1, fixed_scale(1.0f / 128, 0));

  table[OpType::relu] = row(1, 1, infer_same, calibrated());
  table[OpType::relu6] = row(1, 1, infer_same, calibrated());
  table[OpType::relu_n1_to_1] = row(1, 1, infer_same, float_only(kNoKernel));
  table[OpType::relu_0_to_1] = row(1, 1, infer_same, float_only(kNoKernel));
  table[OpType::leaky_relu] = row(1, 1, infer_same, calibrated());
  table[OpType::prelu] = row(2, 2, infer_prelu, calibrated());
  table[OpType::elu] = row(1, 1, infer_same, calibrated());
  table[OpType::hard_swish] = row(1, 1, infer_same, calibrated());
  table[OpType::gelu] = row(1, 1, infer_same, float_only(kNoKernel));
  table[OpType::local_response_normalization] = row(1, 1, infer_same, float_only(kNoKernel));
}

}  // namespace smelt
