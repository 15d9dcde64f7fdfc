#include "smelt/kernels/conv.h"

#include "smelt/kernels/conv_gemm.h"
#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/hybrid_gemm.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/winograd.h"

namespace smelt {
namespace {

struct ConvShape {
  Window window;
  int64_t batch = 0;
  int64_t inputs = 0;  ///< channels of x
  int64_t outputs = 0;
  int64_t group_inputs = 0;
  int64_t groups = 0;
};

ConvShape conv_shape(const Conv2DAttributes& a, const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& w = args.input(1);
  const Operand& y = args.output();
  require_rank(w, 4, 4);
  ConvShape s{.window = conv_window(a, x, w, y),
              .batch = x.shape[0],
              .inputs = x.shape[3],
              .outputs = w.shape[0],
              .group_inputs = w.shape[3]};
  s.groups = s.group_inputs > 0 ? s.inputs / s.group_inputs : 0;
  if (s.groups < 1 || s.inputs % s.group_inputs != 0 || s.outputs < 1 ||
      s.outputs % s.groups != 0) {
    fail(ErrorKind::bad_file, "weights {} of shape {} do not fit an input of shape {}", w.name,
         to_string(w.shape), to_string(x.shape));
  }
  if (y.shape[3] != s.outputs) {
    fail(ErrorKind::bad_file, "{} has {} channels, expected {}", y.name, y.shape[3], s.outputs);
  }
  return s;
}

/// Sum of one window for one output channel, the part of the image that it covers.
template <class Sum, class X, class W, class Zero>
Sum window_sum(const ConvShape& s, const X* image, const W* filter, int64_t y, int64_t x,
               Zero x_zero, Zero w_zero) {
  const Window& w = s.window;
  const CellRange ys = cells_inside(y, w.dilation_h, w.filter_h, w.in_h);
  const CellRange xs = cells_inside(x, w.dilation_w, w.filter_w, w.in_w);
  Sum sum{};
  for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
    for (int64_t kx = xs.begin; kx < xs.end; ++kx) {
      const X* from = image + ((y + ky * w.dilation_h) * w.in_w + x + kx * w.dilation_w) * s.inputs;
      const W* weights = filter + (ky * w.filter_w + kx) * s.group_inputs;
      for (int64_t c = 0; c < s.group_inputs; ++c) {
        sum += product<Sum>(from[c], x_zero, weights[c], w_zero);
      }
    }
  }
  return sum;
}

struct ConvLoops {
  ConvShape s;

  template <class X, class W, class Zero, class Sum, class Output>
  void operator()(const X* x, const W* w, Zero x_zero, Zero w_zero, Sum,
                  const Output& output) const {
    const Window& win = s.window;
    const int64_t image = static_cast<int64_t>(win.in_h) * win.in_w * s.inputs;
    const int64_t filter = win.cells() * s.group_inputs;
    const int64_t group_outputs = s.outputs / s.groups;
    int64_t index = 0;
    for (int64_t n = 0; n < s.batch; ++n) {
      for (int64_t oy = 0; oy < win.out_h; ++oy) {
        for (int64_t ox = 0; ox < win.out_w; ++ox) {
          for (int64_t o = 0; o < s.outputs; ++o, ++index) {
            const X* from = x + n * image + o / group_outputs * s.group_inputs;
            output(index, o,
                   window_sum<Sum>(s, from, w + o * filter, oy * win.stride_h + win.origin_h,
                                   ox * win.stride_w + win.origin_w, x_zero, w_zero));
          }
        }
      }
    }
  }
};

Kernel plain_conv(const ConvShape& s, Weighted op) {
  return {[loops = ConvLoops{s}, op = std::move(op)](const InvokeArgs& args) {
    run_plain(op, args, loops);
  }};
}

/// What XNNPACK runs as a dense layer over pixels, each of them quantized by itself.
bool is_matrix_product(const ConvShape& s) {
  const Window& w = s.window;
  return s.groups == 1 && w.cells() == 1 && w.stride_h == 1 && w.stride_w == 1;
}

/// Each image is quantized by itself, with a zero point where the weights have scales of their own
/// per channel or the convolution has groups.
Kernel hybrid_conv(const PrepareArgs& args, const Conv2DAttributes& a, ConvShape s) {
  Hybrid op = make_hybrid(args, 0, a.activation, true);
  op.symmetric = s.groups == 1 && !has_channel_scales(op);
  int64_t images = s.batch;
  s.batch = 1;
  if (op.xnnpack && is_matrix_product(s)) {
    images *= s.window.positions();
    s.window = {.in_h = 1, .in_w = 1, .out_h = 1, .out_w = 1};
  }
  if (args.choice != KernelChoice::plain && s.groups == 1) {
    if (auto fast = hybrid_conv_gemm(args, op, s.window, images, s.inputs)) return *fast;
  }
  const int64_t inputs = static_cast<int64_t>(s.window.in_h) * s.window.in_w * s.inputs;
  return hybrid_kernel(std::move(op), images, inputs, s.window.positions() * s.outputs,
                       ConvLoops{s});
}

}  // namespace

Kernel prepare_conv_2d(const PrepareArgs& args) {
  const auto& a = attributes_of<Conv2DAttributes>(args);
  const ConvShape s = conv_shape(a, args);
  if (is_hybrid(args.input(0), args.input(1))) return hybrid_conv(args, a, s);
  Weighted op = make_weighted(args, {.channel_axis = 0}, a.activation, a.quantized_bias_type);
  if (args.choice == KernelChoice::plain || !op.constant || op.kind == WeightedKind::int16) {
    return plain_conv(s, std::move(op));
  }
  const Im2Col shape{
      .window = s.window, .batch = s.batch, .channels = s.inputs, .row_channels = s.group_inputs};
  if (op.kind == WeightedKind::float32 && s.groups == 1 && winograd_pays(shape, s.outputs)) {
    return winograd_kernel(make_winograd(shape, s.outputs, args.input(1).constant_as<float>(),
                                         op.has_bias ? args.input(2).constant_as<float>() : nullptr,
                                         op.float_range));
  }
  const int64_t k = s.window.cells() * s.group_inputs;
  return conv_gemm_kernel(
      make_conv_gemm(args, op, shape, dense_place(s.window, s.outputs), s.groups,
                     [k](int64_t channel, int64_t i) { return channel * k + i; }),
      0);
}

}  // namespace smelt
