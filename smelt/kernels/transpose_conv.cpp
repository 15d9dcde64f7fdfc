#include "smelt/kernels/transpose_conv.h"

#include <algorithm>

#include "smelt/kernels/conv_gemm.h"
#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/operands.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

constexpr WeightedLayout kLayout{.x = 2, .w = 1, .bias = 3, .channel_axis = 0};

/// One spatial axis.
struct Axis {
  int64_t in = 0, out = 0, filter = 0, stride = 1, pad = 0;
};

struct TransposeShape {
  Axis h, w;
  int64_t batch = 0, inputs = 0, outputs = 0;
};

Axis make_axis(Padding padding, int32_t in, int32_t out, int32_t filter, int32_t stride) {
  const int32_t positions = window_output_size(padding, out, filter, stride, 1);
  return {in, out, filter, stride, window_padding(out, filter, stride, 1, positions)};
}

TransposeShape transpose_shape(const TransposeConv2DAttributes& a, const PrepareArgs& args) {
  const Operand& x = args.input(kLayout.x);
  const Operand& w = args.input(kLayout.w);
  const Operand& y = args.output();
  require_rank(x, 4, 4);
  require_rank(w, 4, 4);
  require_rank(y, 4, 4);
  if (x.shape.elements() == 0 || x.shape[3] != w.shape[3] || x.shape[0] != y.shape[0] ||
      y.shape[3] != w.shape[0]) {
    fail(ErrorKind::bad_file,
         "input of shape {}, weights of shape {} and result of shape {} do "
         "not fit each other",
         to_string(x.shape), to_string(w.shape), to_string(y.shape));
  }
  return {make_axis(a.padding, x.shape[1], y.shape[1], w.shape[1], a.stride_h),
          make_axis(a.padding, x.shape[2], y.shape[2], w.shape[2], a.stride_w), x.shape[0],
          x.shape[3], w.shape[0]};
}

/// Filter cells that reach output position `at`: first, and then every stride-th. The first one
/// reads input `in`, the next ones in - 1, in - 2 ...
struct Reach {
  int64_t first = 0;
  int64_t in = 0;
};
Reach reach(const Axis& axis, int64_t at) {
  const int64_t shifted = at + axis.pad;
  return {shifted % axis.stride, shifted / axis.stride};
}

template <class Sum, class X, class W, class Zero>
Sum gather_sum(const TransposeShape& s, const X* image, const W* filter, int64_t oy, int64_t ox,
               Zero x_zero, Zero w_zero) {
  Sum sum{};
  const Reach ry = reach(s.h, oy);
  const Reach rx = reach(s.w, ox);
  for (int64_t ky = ry.first, iy = ry.in; ky < s.h.filter && iy >= 0; ky += s.h.stride, --iy) {
    if (iy >= s.h.in) continue;
    for (int64_t kx = rx.first, ix = rx.in; kx < s.w.filter && ix >= 0; kx += s.w.stride, --ix) {
      if (ix >= s.w.in) continue;
      const X* from = image + (iy * s.w.in + ix) * s.inputs;
      const W* weights = filter + (ky * s.w.filter + kx) * s.inputs;
      for (int64_t c = 0; c < s.inputs; ++c) {
        sum += product<Sum>(from[c], x_zero, weights[c], w_zero);
      }
    }
  }
  return sum;
}

/// Calls output(index, channel, sum) for all results of one image.
template <class X, class W, class XZero, class WZero, class Sum, class Output>
void run_image(const TransposeShape& s, const X* image, const W* w, XZero x_zero, WZero w_zero, Sum,
               const Output& output) {
  const int64_t filter = s.h.filter * s.w.filter * s.inputs;
  int64_t index = 0;
  for (int64_t oy = 0; oy < s.h.out; ++oy) {
    for (int64_t ox = 0; ox < s.w.out; ++ox) {
      for (int64_t o = 0; o < s.outputs; ++o, ++index) {
        output(index, o, gather_sum<Sum>(s, image, w + o * filter, oy, ox, x_zero, w_zero));
      }
    }
  }
}

/// float32 activations, int8 weights; LiteRT quantizes every image with a zero point of its own.
Kernel hybrid_transpose_conv(const PrepareArgs& args, const TransposeShape& s,
                             Activation activation) {
  Hybrid op = make_hybrid(args, kLayout.channel_axis, activation, false, kLayout.bias);
  op.x = kLayout.x;
  return hybrid_kernel(
      std::move(op), s.batch, s.h.in * s.w.in * s.inputs, s.h.out * s.w.out * s.outputs,
      [s](const int8_t* x, const int8_t* w, auto x_zero, auto w_zero, auto sum,
          const auto& output) { run_image(s, x, w, x_zero, w_zero, sum, output); });
}

Kernel plain_transpose_conv(const TransposeShape& s, Weighted op) {
  return {[s, op = std::move(op)](const InvokeArgs& args) {
    run_plain(op, args,
              [&](const auto* x, const auto* w, auto x_zero, auto w_zero, auto zero_sum,
                  const auto& output) {
                const int64_t image = s.h.in * s.w.in * s.inputs;
                const int64_t results = s.h.out * s.w.out * s.outputs;
                for (int64_t n = 0; n < s.batch; ++n) {
                  run_image(s, x + n * image, w, x_zero, w_zero, zero_sum,
                            [&](int64_t index, int64_t channel, auto sum) {
                              output(n * results + index, channel, sum);
                            });
                }
              });
  }};
}

/// Output positions that lie a multiple of the stride apart see the same cells of the filter at
/// neighbouring inputs: for them (a phase) the op is an ordinary convolution of stride 1 with these
/// cells, in reverse order.
struct AxisPhase {
  int64_t first_cell = 0;
  int32_t cells = 0, positions = 0, origin = 0;
};
AxisPhase axis_phase(const Axis& axis, int64_t at) {
  const Reach r = reach(axis, at);
  const int64_t cells =
      r.first < axis.filter ? (axis.filter - r.first + axis.stride - 1) / axis.stride : 0;
  const int64_t positions = (axis.out - at + axis.stride - 1) / axis.stride;
  return {r.first, static_cast<int32_t>(cells), static_cast<int32_t>(positions),
          static_cast<int32_t>(r.in - (cells - 1))};
}

/// The phase whose first output position is (oy, ox).
ConvGemm make_phase(const PrepareArgs& args, const Weighted& op, const TransposeShape& s,
                    int64_t oy, int64_t ox) {
  const AxisPhase h = axis_phase(s.h, oy);
  const AxisPhase w = axis_phase(s.w, ox);
  const Im2Col shape{.window = {.in_h = static_cast<int32_t>(s.h.in),
                                .in_w = static_cast<int32_t>(s.w.in),
                                .out_h = h.positions,
                                .out_w = w.positions,
                                .filter_h = h.cells,
                                .filter_w = w.cells,
                                .origin_h = h.origin,
                                .origin_w = w.origin},
                     .batch = s.batch,
                     .channels = s.inputs,
                     .row_channels = s.inputs};
  const OutputPlace place{.first = (oy * s.w.out + ox) * s.outputs,
                          .image = s.h.out * s.w.out * s.outputs,
                          .line = s.h.stride * s.w.out * s.outputs,
                          .pixel = s.w.stride * s.outputs};
  return make_conv_gemm(args, op, shape, place, 1, [&](int64_t channel, int64_t i) {
    const int64_t cell = i / s.inputs;
    const int64_t ky = h.first_cell + s.h.stride * (h.cells - 1 - cell / w.cells);
    const int64_t kx = w.first_cell + s.w.stride * (w.cells - 1 - cell % w.cells);
    return ((channel * s.h.filter + ky) * s.w.filter + kx) * s.inputs + i % s.inputs;
  });
}

}  // namespace

Kernel prepare_transpose_conv(const PrepareArgs& args) {
  const auto& a = attributes_of<TransposeConv2DAttributes>(args);
  const TransposeShape s = transpose_shape(a, args);
  if (is_hybrid(args.input(kLayout.x), args.input(kLayout.w))) {
    return hybrid_transpose_conv(args, s, a.activation);
  }
  Weighted op = make_weighted(args, kLayout, a.activation, a.quantized_bias_type);
  constexpr int64_t kMaxPhases = 64;  // more would cost memory; nobody has such strides
  const int64_t phases_h = std::min(s.h.stride, s.h.out);
  const int64_t phases_w = std::min(s.w.stride, s.w.out);
  if (args.choice == KernelChoice::plain || !op.constant || op.kind == WeightedKind::int16 ||
      phases_h > kMaxPhases || phases_w > kMaxPhases || phases_h * phases_w > kMaxPhases) {
    return plain_transpose_conv(s, std::move(op));
  }
  auto phases = std::make_shared<std::vector<ConvGemm>>();
  int64_t scratch = 0;
  for (int64_t oy = 0; oy < phases_h; ++oy) {
    for (int64_t ox = 0; ox < phases_w; ++ox) {
      phases->push_back(make_phase(args, op, s, oy, ox));
      scratch = std::max(scratch, phases->back().scratch_bytes());
    }
  }
  return {[phases = std::shared_ptr<const std::vector<ConvGemm>>(std::move(phases))](
              const InvokeArgs& in) {
            for (const ConvGemm& phase : *phases) {
              run_conv_gemm(phase, in.inputs[kLayout.x], in.outputs[0], in.scratch);
            }
          },
          scratch};
}

}  // namespace smelt
