#include "smelt/kernels/depthwise.h"

#include "smelt/kernels/conv_gemm.h"
#include "smelt/kernels/depthwise_fast.h"
#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

struct DepthwiseShape {
  Window window;
  int64_t batch = 0;
  int64_t inputs = 0;
  int64_t multiplier = 0;
  int64_t outputs() const { return inputs * multiplier; }
};

DepthwiseShape depthwise_shape(const DepthwiseConv2DAttributes& a, const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& w = args.input(1);
  const Operand& y = args.output();
  require_rank(w, 4, 4);
  DepthwiseShape s{.window = conv_window(a, x, w, y), .batch = x.shape[0], .inputs = x.shape[3]};
  // The attribute depth_multiplier is redundant, and some writers leave it 0.
  s.multiplier = w.shape[3] / s.inputs;
  if (w.shape[0] != 1 || s.multiplier < 1 || w.shape[3] != s.outputs()) {
    fail(ErrorKind::bad_file, "weights {} of shape {} do not fit an input of shape {}", w.name,
         to_string(w.shape), to_string(x.shape));
  }
  if (y.shape[3] != s.outputs()) {
    fail(ErrorKind::bad_file, "{} has {} channels, expected {}", y.name, y.shape[3], s.outputs());
  }
  return s;
}

/// Sum of one window for output channel o; image and filter start at that channel's values.
template <class Sum, class X, class W, class Zero>
Sum window_sum(const DepthwiseShape& s, const X* image, const W* filter, int64_t y, int64_t x,
               Zero x_zero, Zero w_zero) {
  const Window& w = s.window;
  const CellRange ys = cells_inside(y, w.dilation_h, w.filter_h, w.in_h);
  const CellRange xs = cells_inside(x, w.dilation_w, w.filter_w, w.in_w);
  Sum sum{};
  for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
    for (int64_t kx = xs.begin; kx < xs.end; ++kx) {
      const int64_t at = (y + ky * w.dilation_h) * w.in_w + x + kx * w.dilation_w;
      sum += product<Sum>(image[at * s.inputs], x_zero,
                          filter[(ky * w.filter_w + kx) * s.outputs()], w_zero);
    }
  }
  return sum;
}

struct DepthwiseLoops {
  DepthwiseShape s;

  template <class X, class W, class Zero, class Sum, class Output>
  void operator()(const X* x, const W* w, Zero x_zero, Zero w_zero, Sum,
                  const Output& output) const {
    const Window& win = s.window;
    const int64_t image = static_cast<int64_t>(win.in_h) * win.in_w * s.inputs;
    int64_t index = 0;
    for (int64_t n = 0; n < s.batch; ++n) {
      for (int64_t oy = 0; oy < win.out_h; ++oy) {
        for (int64_t ox = 0; ox < win.out_w; ++ox) {
          for (int64_t o = 0; o < s.outputs(); ++o, ++index) {
            output(index, o,
                   window_sum<Sum>(s, x + n * image + o / s.multiplier, w + o,
                                   oy * win.stride_h + win.origin_h,
                                   ox * win.stride_w + win.origin_w, x_zero, w_zero));
          }
        }
      }
    }
  }
};

Kernel plain_depthwise(const DepthwiseShape& s, Weighted op) {
  return {[loops = DepthwiseLoops{s}, op = std::move(op)](const InvokeArgs& args) {
    run_plain(op, args, loops);
  }};
}

/// Each image is quantized by itself, always with a zero point.
Kernel hybrid_depthwise(const PrepareArgs& args, const DepthwiseConv2DAttributes& a,
                        DepthwiseShape s) {
  Hybrid op = make_hybrid(args, 3, a.activation, false);
  const int64_t images = s.batch;
  s.batch = 1;
  const int64_t inputs = static_cast<int64_t>(s.window.in_h) * s.window.in_w * s.inputs;
  return hybrid_kernel(std::move(op), images, inputs, s.window.positions() * s.outputs(),
                       DepthwiseLoops{s});
}

/// Calls set(from, to) for every weight: index as stored, index as DepthwiseFast wants it.
template <class Set>
void for_each_weight(const DepthwiseShape& s, Set&& set) {
  for (int64_t m = 0; m < s.multiplier; ++m) {
    for (int64_t cell = 0; cell < s.window.cells(); ++cell) {
      for (int64_t c = 0; c < s.inputs; ++c) {
        set(cell * s.outputs() + c * s.multiplier + m,
            (m * s.window.cells() + cell) * s.inputs + c);
      }
    }
  }
}

/// bias and multipliers in the order of planes.
template <class T>
std::vector<T> by_plane(const DepthwiseShape& s, const T* values) {
  std::vector<T> result;
  for (int64_t m = 0; m < s.multiplier; ++m) {
    for (int64_t c = 0; c < s.inputs; ++c) result.push_back(values[c * s.multiplier + m]);
  }
  return result;
}

DepthwiseFast make_depthwise_fast(const PrepareArgs& args, const DepthwiseShape& s,
                                  const Weighted& op) {
  const Operand& w = args.input(1);
  const int64_t outputs = s.outputs();
  DepthwiseFast fast{.window = s.window,
                     .batch = s.batch,
                     .channels = s.inputs,
                     .multiplier = s.multiplier,
                     .range_float = op.float_range,
                     .x_zero = op.x_zero,
                     .type = args.output().type};
  if (op.kind == WeightedKind::float32) {
    fast.weights_float = AlignedArray<float>(w.shape.elements());
    fast.bias_float = AlignedArray<float>(outputs);
    const auto* values = w.constant_as<float>();
    for_each_weight(s, [&](int64_t from, int64_t to) { fast.weights_float[to] = values[from]; });
    if (op.has_bias) {
      std::ranges::copy(by_plane(s, args.input(2).constant_as<float>()), fast.bias_float.data());
    }
    return fast;
  }
  fast.weights_int = AlignedArray<int32_t>(w.shape.elements());
  fast.bias_int = AlignedArray<int32_t>(outputs);
  const IntWeights values = int_weights(op, w);
  for_each_weight(s,
                  [&](int64_t from, int64_t to) { fast.weights_int[to] = values[from] & 0xffff; });
  if (op.has_bias) {
    std::ranges::copy(by_plane(s, args.input(2).constant_as<int32_t>()), fast.bias_int.data());
  }
  fast.bias_folded = AlignedArray<int32_t>(outputs);
  std::copy_n(fast.bias_int.data(), outputs, fast.bias_folded.data());
  for_each_weight(s, [&](int64_t from, int64_t to) {
    int32_t& sum = fast.bias_folded[to / (s.window.cells() * s.inputs) * s.inputs + to % s.inputs];
    sum = wrapping_add(sum, wrapping_mul(-op.x_zero, values[from]));
  });
  const bool per_channel = op.multipliers.size() > 1;
  fast.requantization = Requantization(
      per_channel ? by_plane(s, op.multipliers.data()) : op.multipliers, outputs, outputs,
      op.y_zero, op.range, op.scales.size() > 1 ? by_plane(s, op.scales.data()) : op.scales);
  return fast;
}

/// One input channel: an ordinary convolution whose weights are stored transposed.
Kernel single_input_channel(const PrepareArgs& args, const DepthwiseShape& s, const Weighted& op) {
  const Im2Col shape{.window = s.window, .batch = s.batch};
  const int64_t outputs = s.outputs();
  return conv_gemm_kernel(
      make_conv_gemm(args, op, shape, dense_place(s.window, outputs), 1,
                     [outputs](int64_t channel, int64_t i) { return i * outputs + channel; }),
      0);
}

}  // namespace

Kernel prepare_depthwise_conv_2d(const PrepareArgs& args) {
  const auto& a = attributes_of<DepthwiseConv2DAttributes>(args);
  const DepthwiseShape s = depthwise_shape(a, args);
  if (is_hybrid(args.input(0), args.input(1))) return hybrid_depthwise(args, a, s);
  Weighted op = make_weighted(args, {.channel_axis = 3}, a.activation, DataType::int64);
  if (op.kind == WeightedKind::int16 && !op.sums64) {
    fail(ErrorKind::unsupported,
         "DEPTHWISE_CONV_2D of int16 has no kernel with an int32 bias; "
         "store it as int64");
  }
  if (args.choice == KernelChoice::plain || !op.constant || op.kind == WeightedKind::int16) {
    return plain_depthwise(s, std::move(op));
  }
  if (s.inputs == 1) return single_input_channel(args, s, op);
  auto fast = std::make_shared<const DepthwiseFast>(make_depthwise_fast(args, s, op));
  const bool is_float = op.kind == WeightedKind::float32;
  return {[fast, is_float](const InvokeArgs& in) {
            auto* scratch = reinterpret_cast<int64_t*>(in.scratch);
            if (is_float) {
              run_depthwise_float(*fast, in.in<float>(0), in.out<float>(), scratch);
            } else {
              run_depthwise_int(*fast, in.inputs[0], in.outputs[0], scratch);
            }
          },
          fast->scratch_bytes()};
}

}  // namespace smelt
