#include "smelt/kernels/conv_3d.h"

#include <algorithm>
#include <array>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/window.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

/// One of depth, height and width: position o of the small side and cell k belong to position
/// o * stride + k * dilation - padding of the large one.
struct Axis {
  int32_t large = 0, small = 0, filter = 1;
  int32_t stride = 1, dilation = 1, padding = 0;

  int64_t start(int64_t o) const { return o * stride - padding; }
  CellRange cells(int64_t o) const { return cells_inside(start(o), dilation, filter, large); }
};

struct Conv3D {
  std::array<Axis, 3> axes;  ///< depth, height, width
  int64_t batch = 0;
  int64_t inputs = 0, outputs = 0;
  bool has_bias = false;
  FloatRange range;

  int64_t positions(int32_t Axis::*side) const {
    int64_t product = 1;
    for (const Axis& axis : axes) product *= axis.*side;
    return product;
  }

  /// Calls f(position on the small side, position on the large side, cell of the filter) for every
  /// pair that belongs together, small side outermost.
  template <class F>
  void for_each_pair(F&& f) const {
    const auto& [d, h, w] = axes;
    int64_t small = 0;
    for (int64_t od = 0; od < d.small; ++od) {
      for (int64_t oh = 0; oh < h.small; ++oh) {
        for (int64_t ow = 0; ow < w.small; ++ow, ++small) {
          const CellRange ds = d.cells(od), hs = h.cells(oh), ws = w.cells(ow);
          for (int64_t kd = ds.begin; kd < ds.end; ++kd) {
            for (int64_t kh = hs.begin; kh < hs.end; ++kh) {
              for (int64_t kw = ws.begin; kw < ws.end; ++kw) {
                const int64_t row =
                    (d.start(od) + kd * d.dilation) * h.large + h.start(oh) + kh * h.dilation;
                f(small, row * w.large + w.start(ow) + kw * w.dilation,
                  (kd * h.filter + kh) * w.filter + kw);
              }
            }
          }
        }
      }
    }
  }
};

Axis make_axis(Padding padding, int32_t large, int32_t small, int32_t filter, int32_t stride,
               int32_t dilation) {
  if (window_output_size(padding, large, filter, stride, dilation) != small) {
    fail(ErrorKind::bad_file, "{} positions of a window of {} cells do not cover an axis of {}",
         small, filter, large);
  }
  return {large,  small,    filter,
          stride, dilation, window_padding(large, filter, stride, dilation, small)};
}

Conv3D make_conv(const PrepareArgs& args, const Operand& x, const Operand& w, size_t bias,
                 const Shape& large, const Shape& small) {
  const auto& a = attributes_of<Conv3DAttributes>(args);
  require_clamping(a.activation);
  const Operand& y = args.output();
  for (const Operand* operand : {&x, &w, &y}) {
    require_type(*operand, {DataType::float32});
    require_rank(*operand, 5, 5);
  }
  Conv3D op{
      .axes = {make_axis(a.padding, large[1], small[1], w.shape[0], a.stride_d, a.dilation_d),
               make_axis(a.padding, large[2], small[2], w.shape[1], a.stride_h, a.dilation_h),
               make_axis(a.padding, large[3], small[3], w.shape[2], a.stride_w, a.dilation_w)},
      .batch = x.shape[0],
      .inputs = x.shape[4],
      .outputs = y.shape[4],
      .has_bias = args.has_input(bias),
      .range = activation_range(a.activation)};
  if (y.shape[0] != op.batch) {
    fail(ErrorKind::bad_file, "{} has {} images, expected {}", y.name, y.shape[0], op.batch);
  }
  if (op.has_bias) {
    require_type(args.input(bias), {DataType::float32});
    require_shape(args.input(bias), {y.shape[4]});
  }
  return op;
}

void require_channels(const Operand& w, int32_t third, int32_t fourth) {
  if (w.shape[3] == third && w.shape[4] == fourth) return;
  fail(ErrorKind::bad_file, "{} has shape {}, expected {} and {} channels", w.name,
       to_string(w.shape), third, fourth);
}

void finish(const Conv3D& op, const float* bias, float* y, int64_t positions) {
  for (int64_t p = 0; p < positions; ++p, y += op.outputs) {
    for (int64_t o = 0; o < op.outputs; ++o) {
      y[o] = clamp(y[o] + (bias != nullptr ? bias[o] : 0.0f), op.range);
    }
  }
}

/// x and bias are operands; `from` and `to` say on which side x and the result are. add(weights of
/// a cell, values of an input position, sums of an output position) adds up one pair.
struct Conv3DSides {
  size_t x, bias;
  int32_t Axis::*from;
  int32_t Axis::*to;
};

template <class Add>
Kernel conv_3d_kernel(const Conv3D& op, const Conv3DSides& sides, Add add) {
  return {[=](const InvokeArgs& run) {
    const int64_t in = op.positions(sides.from) * op.inputs;
    const int64_t positions = op.positions(sides.to);
    const bool to_small = sides.to == &Axis::small;
    std::fill_n(run.out<float>(), op.batch * positions * op.outputs, 0.0f);
    for (int64_t n = 0; n < op.batch; ++n) {
      const float* image = run.in<float>(sides.x) + n * in;
      float* result = run.out<float>() + n * positions * op.outputs;
      op.for_each_pair([&](int64_t small, int64_t large, int64_t cell) {
        add(run.in<float>(1) + cell * op.inputs * op.outputs,
            image + (to_small ? large : small) * op.inputs,
            result + (to_small ? small : large) * op.outputs);
      });
      finish(op, op.has_bias ? run.in<float>(sides.bias) : nullptr, result, positions);
    }
  }};
}

}  // namespace

Kernel prepare_conv_3d(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& w = args.input(1);
  const Operand& y = args.output();
  for (const Operand* operand : {&x, &w, &y}) require_rank(*operand, 5, 5);
  require_channels(w, x.shape[4], y.shape[4]);
  const Conv3D op = make_conv(args, x, w, 2, x.shape, y.shape);
  return conv_3d_kernel(op, {0, 2, &Axis::large, &Axis::small},
                        [op](const float* weights, const float* values, float* sums) {
                          for (int64_t i = 0; i < op.inputs; ++i, weights += op.outputs) {
                            for (int64_t o = 0; o < op.outputs; ++o) {
                              sums[o] += values[i] * weights[o];
                            }
                          }
                        });
}

Kernel prepare_conv_3d_transpose(const PrepareArgs& args) {
  const Operand& w = args.input(1);
  const Operand& x = args.input(2);
  const Operand& y = args.output();
  for (const Operand* operand : {&x, &w, &y}) require_rank(*operand, 5, 5);
  require_channels(w, y.shape[4], x.shape[4]);
  const Conv3D op = make_conv(args, x, w, 3, y.shape, x.shape);
  return conv_3d_kernel(op, {2, 3, &Axis::small, &Axis::large},
                        [op](const float* weights, const float* values, float* sums) {
                          for (int64_t o = 0; o < op.outputs; ++o, weights += op.inputs) {
                            for (int64_t i = 0; i < op.inputs; ++i) {
                              sums[o] += values[i] * weights[i];
                            }
                          }
                        });
}

}  // namespace smelt
