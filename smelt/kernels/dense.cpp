#include "smelt/kernels/dense.h"

#include "smelt/kernels/conv_gemm.h"
#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/hybrid_gemm.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

struct DenseShape {
  int64_t rows = 0;
  int64_t inputs = 0;
  int64_t outputs = 0;
};

DenseShape dense_shape(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& w = args.input(1);
  const Operand& y = args.output();
  require_rank(w, 2, 2);
  DenseShape s{.inputs = w.shape[1], .outputs = w.shape[0]};
  const int64_t elements = x.shape.elements();
  if (s.inputs < 1 || s.outputs < 1 || elements % s.inputs != 0) {
    fail(ErrorKind::bad_file, "weights {} of shape {} do not fit an input of shape {}", w.name,
         to_string(w.shape), to_string(x.shape));
  }
  s.rows = elements / s.inputs;
  if (y.shape.rank() < 1 || y.shape.back() != s.outputs ||
      y.shape.elements() != checked_mul(s.rows, s.outputs, "elements of the result")) {
    fail(ErrorKind::bad_file, "{} has shape {}, expected {} rows of {}", y.name, to_string(y.shape),
         s.rows, s.outputs);
  }
  return s;
}

struct DenseLoops {
  DenseShape s;

  template <class X, class W, class Zero, class Sum, class Output>
  void operator()(const X* x, const W* w, Zero x_zero, Zero w_zero, Sum,
                  const Output& output) const {
    for (int64_t row = 0; row < s.rows; ++row) {
      const X* from = x + row * s.inputs;
      for (int64_t o = 0; o < s.outputs; ++o) {
        const W* weights = w + o * s.inputs;
        Sum sum{};
        for (int64_t i = 0; i < s.inputs; ++i) {
          sum += product<Sum>(from[i], x_zero, weights[i], w_zero);
        }
        output(row * s.outputs + o, o, sum);
      }
    }
  }
};

Kernel plain_dense(const DenseShape& s, Weighted op) {
  return {[loops = DenseLoops{s}, op = std::move(op)](const InvokeArgs& args) {
    run_plain(op, args, loops);
  }};
}

/// Each row is quantized by itself.
Kernel hybrid_dense(const PrepareArgs& args, const FullyConnectedAttributes& a, DenseShape s) {
  const Operand& w = args.input(1);
  if (std::holds_alternative<BlockwiseScales>(w.quantization->details)) {
    return blockwise_dense(args, s.rows, a.activation);
  }
  Hybrid op = make_hybrid(args, 0, a.activation, !a.asymmetric_quantize_inputs);
  const int64_t rows = s.rows;
  s.rows = 1;
  if (args.choice != KernelChoice::plain) {
    const Window pixel{.in_h = 1, .in_w = 1, .out_h = 1, .out_w = 1};
    if (auto fast = hybrid_conv_gemm(args, op, pixel, rows, s.inputs)) return *fast;
  }
  return hybrid_kernel(std::move(op), rows, s.inputs, s.outputs, DenseLoops{s});
}

}  // namespace

Kernel prepare_fully_connected(const PrepareArgs& args) {
  const auto& a = attributes_of<FullyConnectedAttributes>(args);
  if (a.weights_format != WeightsFormat::plain) {
    fail(ErrorKind::unsupported, "shuffled weights have no kernel; convert the model without them");
  }
  const DenseShape s = dense_shape(args);
  if (is_hybrid(args.input(0), args.input(1))) return hybrid_dense(args, a, s);
  const WeightedLayout layout{.channel_axis = 0,
                              .float_product = args.numerics == Numerics::litert,
                              .weights_may_shift = true};
  Weighted op = make_weighted(args, layout, a.activation, a.quantized_bias_type);
  if (args.choice == KernelChoice::plain || !op.constant || op.kind == WeightedKind::int16) {
    return plain_dense(s, std::move(op));
  }
  // A matrix product is a convolution of N images of one pixel.
  const Window pixel{.in_h = 1, .in_w = 1, .out_h = 1, .out_w = 1};
  const Im2Col shape{
      .window = pixel, .batch = s.rows, .channels = s.inputs, .row_channels = s.inputs};
  const int64_t k = s.inputs;
  return conv_gemm_kernel(
      make_conv_gemm(args, op, shape, dense_place(pixel, s.outputs), 1,
                     [k](int64_t channel, int64_t i) { return channel * k + i; }),
      0);
}

}  // namespace smelt
