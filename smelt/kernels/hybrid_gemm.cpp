#include "smelt/kernels/hybrid_gemm.h"

#include "smelt/kernels/conv_gemm.h"

namespace smelt {
namespace {

/// Requantization that leaves a sum as it is: 2 * sum * 2^30 / 2^31.
constexpr FixedMultiplier kIdentity{.multiplier = 1 << 30, .shift = 1};
constexpr int64_t kLargestSum = int64_t{1} << 30;

/// Scratch: the quantized image, its sums, and what the product needs.
struct HybridScratch {
  int64_t stored = 0;
  int64_t sums = 0;
  int64_t total = 0;

  HybridScratch(int64_t inputs, int64_t outputs, int64_t product)
      : stored(round_up(inputs, 64)), sums(round_up(checked_mul(outputs, 4, "sums"), 64)) {
    total = stored + sums + product;
  }
};

ConvGemm make_product(const PrepareArgs& args, const Hybrid& op, const Im2Col& shape, int64_t k) {
  ConvGemm conv{.shape = shape};
  const int64_t pixel = op.channels * static_cast<int64_t>(sizeof(int32_t));  // places in bytes
  conv.place = dense_place(shape.window, pixel);
  plan_rows(conv, 1, false, op.channels * k);
  const int8_t* values = op.values.empty() ? args.input(1).constant_as<int8_t>() : op.values.data();
  const IntGemmOptions options{
      .multipliers = {kIdentity}, .range = range_of(DataType::int32), .output = DataType::int32};
  const int64_t segments = conv.rows == ConvRows::lines ? shape.window.filter_h : 1;
  conv.ints.push_back(
      pack_int_gemm(op.channels, k, segments, options,
                    [&](int64_t channel, int64_t i) { return values[channel * k + i]; }));
  return conv;
}

}  // namespace

std::optional<Kernel> hybrid_conv_gemm(const PrepareArgs& args, const Hybrid& op,
                                       const Window& window, int64_t images, int64_t inputs) {
  const int64_t k = window.cells() * inputs;
  if (args.input(1).constant == nullptr || k < 1 || k >= kLargestSum / (255 * 128)) return {};
  const Im2Col shape{.window = window, .batch = 1, .channels = inputs, .row_channels = inputs};
  auto conv = std::make_shared<const ConvGemm>(make_product(args, op, shape, k));
  auto shared = std::make_shared<const Hybrid>(op);
  const int64_t image_inputs = shape.input_elements();
  const int64_t image_outputs =
      checked_mul(window.positions(), op.channels, "elements of the result");
  const HybridScratch parts(image_inputs, image_outputs, conv->scratch_bytes());
  return Kernel{
      [=](const InvokeArgs& run) {
        auto* stored = reinterpret_cast<int8_t*>(run.scratch);
        auto* sums = reinterpret_cast<int32_t*>(run.scratch + parts.stored);
        std::byte* rest = run.scratch + parts.stored + parts.sums;
        const auto* bias =
            shared->has_bias ? static_cast<const float*>(run.inputs[shared->bias]) : nullptr;
        for (int64_t n = 0; n < images; ++n) {
          const float* x = run.in<float>(shared->x) + n * image_inputs;
          const BatchScale batch = shared->quantize(x, image_inputs, stored);
          run_conv_gemm(*conv, stored, batch.zero, sums, rest);
          const HybridOutput output{*shared, batch, bias, run.out<float>() + n * image_outputs};
          for (int64_t i = 0; i < image_outputs; i += shared->channels) {
            for (int64_t c = 0; c < shared->channels; ++c) {
              output(i + c, c, static_cast<uint32_t>(sums[i + c]));
            }
          }
        }
      },
      parts.total};
}

}  // namespace smelt
