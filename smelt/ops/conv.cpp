#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [N,H,W,I], w [O,kh,kw,I/groups] -> [N,Ho,Wo,O].
void infer_conv_2d(ShapeContext& context) {
  need_rank(context, 0, 4);
  need_rank(context, 1, 4);
  const auto& a = context.op.as<Conv2DAttributes>();
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (w[3] < 1 || x[3] % w[3] != 0 || w[0] % (x[3] / w[3] > 0 ? x[3] / w[3] : 1) != 0) {
    fail(ErrorKind::bad_file, "weights {} do not fit an input of shape {}", to_string(w),
         to_string(x));
  }
  context.set_output(0,
                     {x[0], window_output_size(a.padding, x[1], w[1], a.stride_h, a.dilation_h),
                      window_output_size(a.padding, x[2], w[2], a.stride_w, a.dilation_w), w[0]});
}

/// x [N,H,W,C], w [1,kh,kw,C*multiplier] -> [N,Ho,Wo,C*multiplier].
void infer_depthwise_conv_2d(ShapeContext& context) {
  need_rank(context, 0, 4);
  need_rank(context, 1, 4);
  const auto& a = context.op.as<DepthwiseConv2DAttributes>();
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (w[0] != 1 || x[3] < 1 || w[3] % x[3] != 0) {
    fail(ErrorKind::bad_file, "weights {} do not fit an input of shape {}", to_string(w),
         to_string(x));
  }
  context.set_output(0,
                     {x[0], window_output_size(a.padding, x[1], w[1], a.stride_h, a.dilation_h),
                      window_output_size(a.padding, x[2], w[2], a.stride_w, a.dilation_w), w[3]});
}

/// Operand 0 holds the shape of the result.
void infer_transpose_conv(ShapeContext& context) {
  need_rank(context, 1, 4);
  need_rank(context, 2, 4);
  const Shape y = checked_shape(context.values(0));
  if (y.rank() != 4 || y[0] != context.shape(2)[0] || y[3] != context.shape(1)[0]) {
    fail(ErrorKind::bad_file, "output shape {} does not fit an input of shape {} and weights {}",
         to_string(y), to_string(context.shape(2)), to_string(context.shape(1)));
  }
  context.set_output(0, y);
}

/// x [N,D,H,W,I], w [kd,kh,kw,I,O] -> [N,Do,Ho,Wo,O].
void infer_conv_3d(ShapeContext& context) {
  need_rank(context, 0, 5);
  need_rank(context, 1, 5);
  const auto& a = context.op.as<Conv3DAttributes>();
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (x[4] != w[3]) {
    fail(ErrorKind::bad_file, "weights {} do not fit an input of shape {}", to_string(w),
         to_string(x));
  }
  context.set_output(0,
                     {x[0], window_output_size(a.padding, x[1], w[0], a.stride_d, a.dilation_d),
                      window_output_size(a.padding, x[2], w[1], a.stride_h, a.dilation_h),
                      window_output_size(a.padding, x[3], w[2], a.stride_w, a.dilation_w), w[4]});
}

void infer_conv_3d_transpose(ShapeContext& context) {
  need_rank(context, 2, 5);
  context.set_output(0, checked_shape(context.values(0)));
}

QuantizationRule weighted(int weight, int axis, int bias) {
  QuantizationRule rule = calibrated();
  rule.weight = weight;
  rule.weight_axis = axis;
  rule.bias = bias;
  return rule;
}

}  // namespace

void define_conv(OpTable& table) {
  table[OpType::conv_2d] = row(2, 3, infer_conv_2d, weighted(1, 0, 2));
  table[OpType::depthwise_conv_2d] = row(2, 3, infer_depthwise_conv_2d, weighted(1, 3, 2));
  table[OpType::transpose_conv] = row(3, 4, infer_transpose_conv, weighted(1, 0, 3));
  table[OpType::conv_3d] = row(2, 3, infer_conv_3d, float_only(kNoKernel));
  table[OpType::conv_3d_transpose] = row(3, 4, infer_conv_3d_transpose, float_only(kNoKernel));
}

}  // namespace smelt
