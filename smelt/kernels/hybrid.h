#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/kernel.h"
#include "smelt/kernels/operands.h"

namespace smelt {

// Hybrid ops: float32 activations and result, integer weights. Each batch of activations (a row of
// a dense layer, an image of a convolution) is quantized to int8 when the op runs, products are
// summed in int32, and the sum is scaled to float. Source: LiteRT's reference kernels
// (fully_connected.cc, conv.cc, depthwise_conv.cc, batch_matmul.cc, portable_tensor_utils.cc).

/// True where x is float32 and w is int8, int4, int2 or uint8, which holds int8 in hybrid ops.
bool is_hybrid(const Operand& x, const Operand& w);

/// Scale and zero point of a batch quantized at run time: real = scale * (stored - zero).
struct BatchScale {
  float scale = 1.0f;
  int32_t zero = 0;
};

/// symmetric: [-127, 127] around 0 (SymmetricQuantizeFloats); else the whole range of int8, with 0
/// represented exactly (AsymmetricQuantizeFloats). A batch of zeros becomes zeros.
BatchScale quantize_batch(const float* values, int64_t count, bool symmetric, int8_t* stored);

/// As XNNPACK does it: [-128, 127], everything in float, ties to even; a batch of zeros has the
/// scale 1.
BatchScale quantize_batch_xnnpack(const float* values, int64_t count, int8_t* stored);

/// Weights and scales of a hybrid op, and the way from a sum to its result.
struct Hybrid {
  bool symmetric = true;       ///< how activations are quantized
  bool xnnpack = false;        ///< they are by quantize_batch_xnnpack, whatever `symmetric` says
  std::vector<int8_t> values;  ///< of int4 and int2 weights; empty where int8 is read in place
  std::vector<float> scales;   ///< one, or one per channel
  int64_t channels = 0;
  size_t x = 0, weights = 1, bias = 2;  ///< operands
  bool has_bias = false;
  FloatRange range;

  BatchScale quantize(const float* batch, int64_t count, int8_t* stored) const {
    return xnnpack ? quantize_batch_xnnpack(batch, count, stored)
                   : quantize_batch(batch, count, symmetric, stored);
  }

  const int8_t* weights_of(const InvokeArgs& args) const {
    return values.empty() ? args.in<int8_t>(weights) : values.data();
  }
};

/// Checks weights (operand 1, scales along channel_axis, zero points 0) and bias [channels].
Hybrid make_hybrid(const PrepareArgs& args, int channel_axis, Activation activation, bool symmetric,
                   size_t bias = 2);

/// True where the weights have several scales that are not all equal.
bool has_channel_scales(const Hybrid& op);

struct HybridOutput {
  const Hybrid& op;
  BatchScale batch;
  const float* bias;
  float* y;
  void operator()(int64_t index, int64_t channel, uint32_t sum) const {
    const float scale = op.scales[op.scales.size() == 1 ? 0 : static_cast<size_t>(channel)];
    const float value = static_cast<float>(static_cast<int32_t>(sum)) * (scale * batch.scale);
    y[index] = clamp(value + (bias != nullptr ? bias[channel] : 0.0f), op.range);
  }
};

/// Runs loops(x, w, x_zero, w_zero, sum, output), which compute one batch, for each of them; see
/// run_plain of weighted.h for what they are given.
template <class Loops>
Kernel hybrid_kernel(Hybrid hybrid, int64_t batches, int64_t batch_inputs, int64_t batch_outputs,
                     Loops loops) {
  auto op = std::make_shared<const Hybrid>(std::move(hybrid));
  return {[=](const InvokeArgs& args) {
            auto* stored = reinterpret_cast<int8_t*>(args.scratch);
            const int8_t* w = op->weights_of(args);
            const auto* bias =
                op->has_bias ? static_cast<const float*>(args.inputs[op->bias]) : nullptr;
            for (int64_t n = 0; n < batches; ++n) {
              const float* x = args.in<float>(op->x) + n * batch_inputs;
              const BatchScale batch = op->quantize(x, batch_inputs, stored);
              loops(stored, w, batch.zero, int32_t{0}, uint32_t{0},
                    HybridOutput{*op, batch, bias, args.out<float>() + n * batch_outputs});
            }
          },
          batch_inputs};
}

/// The float16 scales [rows, columns / block] of a constant that is quantized in blocks.
std::vector<float> block_scales(const Operand& w, int64_t rows, int64_t columns);

/// FULLY_CONNECTED with int4 weights [O,I] whose scales are float16 [O, I / block]: `rows` rows.
Kernel blockwise_dense(const PrepareArgs& args, int64_t rows, Activation activation);

}  // namespace smelt
