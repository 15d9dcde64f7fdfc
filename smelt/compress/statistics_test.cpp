#include "smelt/compress/statistics.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>

#include "smelt/base/random.h"
#include "smelt/ir/builder.h"

namespace smelt::compress {
namespace {

Op conv() { return Op{.type = OpType::conv_2d, .attributes = Conv2DAttributes{}, .origin = "c"}; }

TEST(KernelStatistics, CountsZerosAndValuesPerChannel) {
  const Tensor kernel = Tensor::constant<float>("w", {2, 1, 1, 4}, {0, -0.0f, 1, 2, 3, 4, 5, 0});
  const KernelStatistics found = kernel_statistics(kernel, conv());
  EXPECT_EQ(found.layer, "c");
  EXPECT_EQ(found.values, 8);
  EXPECT_EQ(found.zeros, 3);
  EXPECT_EQ(found.unique, 6);
  EXPECT_EQ(found.unique_in_channel, 4);
  EXPECT_EQ(found.bytes, 32);
  EXPECT_DOUBLE_EQ(found.sparsity(), 0.375);
}

TEST(KernelStatistics, ZeroOfIntegersIsTheZeroPoint) {
  Tensor kernel = Tensor::constant<uint8_t>("w", {1, 1, 1, 4}, {3, 3, 0, 1});
  kernel.quantization = Quantization::per_tensor(0.5f, 3);
  EXPECT_EQ(kernel_statistics(kernel, conv()).zeros, 2);
}

TEST(KernelStatistics, UnpacksInt4) {
  Tensor kernel{.name = "w", .type = DataType::int4, .shape = {1, 1, 1, 3}};
  kernel.data = Buffer::of(std::vector<uint8_t>{0xf0, 0x0f});
  kernel.is_constant = true;
  const KernelStatistics found = kernel_statistics(kernel, conv());
  EXPECT_EQ(found.zeros, 1);
  EXPECT_EQ(found.unique, 2);
  kernel.shape = {1, 1, 1, 9};
  EXPECT_THROW(kernel_statistics(kernel, conv()), Error);
}

TEST(KernelStatistics, OfAGraphLeavesBiasesOut) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 2});
  const TensorId w = b.constant<float>("w", {3, 2}, {1, 0, 2, 0, 3, 0});
  const TensorId bias = b.constant<float>("b", {3}, {0, 0, 0});
  b.output(b.op(OpType::fully_connected, {x, w, bias}, FullyConnectedAttributes{}, "y",
                DataType::float32, {1, 3}));
  const auto kernels = kernel_statistics(std::move(b).build());
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_EQ(kernels[0].name, "w");
  EXPECT_EQ(total(kernels).zeros, 3);
}

/// Nearest multiples of a scale in [-127, 127], as symmetric weights are stored.
std::vector<int8_t> rounded(std::span<const float> weights, float scale) {
  std::vector<int8_t> result;
  for (const float weight : weights) {
    result.push_back(
        static_cast<int8_t>(std::clamp(std::nearbyint(weight / scale), -127.f, 127.f)));
  }
  return result;
}

TEST(KernelStatistics, ZerosAndClustersSurviveRounding) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    constexpr size_t kChannels = 6, kColumns = 45, kClusters = 8;
    std::vector<float> values(kClusters), weights;
    for (float& value : values) value = random.uniform(-2, 2);
    values[0] = 0;
    for (size_t i = 0; i < kChannels * kColumns; ++i) {
      weights.push_back(values[random.below(kClusters)]);
    }
    const Shape shape = {kChannels, 3, 3, 5};
    const KernelStatistics before =
        kernel_statistics(Tensor::constant<float>("w", shape, weights), conv());
    const KernelStatistics per_tensor = kernel_statistics(
        Tensor::constant<int8_t>("w", shape, rounded(weights, 2.0f / 127)), conv());
    EXPECT_LE(per_tensor.unique, before.unique);
    EXPECT_GE(per_tensor.zeros, before.zeros);
    std::vector<int8_t> by_channel;
    for (size_t c = 0; c < kChannels; ++c) {
      const auto row = rounded(std::span(weights).subspan(c * kColumns, kColumns),
                               random.uniform(0.5f, 2) / 127);
      by_channel.insert(by_channel.end(), row.begin(), row.end());
    }
    const KernelStatistics per_channel =
        kernel_statistics(Tensor::constant<int8_t>("w", shape, by_channel), conv());
    EXPECT_LE(per_channel.unique_in_channel, before.unique);
    EXPECT_GE(per_channel.zeros, before.zeros);
  }
}

TEST(GzipSize, IsThatOfZlib) {
  Random random(1);
  std::vector<uint8_t> data(200000);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random.below(5));
  std::vector<uint8_t> packed(compressBound(data.size()));
  uLongf size = packed.size();
  ASSERT_EQ(compress2(packed.data(), &size, data.data(), data.size(), 9), Z_OK);
  // zlib's own format has 6 bytes around the stream, gzip 18; both need a few blocks.
  EXPECT_NEAR(static_cast<double>(gzip_size(data)), static_cast<double>(size) + 12, 400);
  EXPECT_EQ(gzip_size({}), 20);
}

}  // namespace
}  // namespace smelt::compress
