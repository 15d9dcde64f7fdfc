#include "smelt/kernels/hybrid.h"

#include <gtest/gtest.h>

#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

TEST(QuantizeBatch, SymmetricAndAsymmetricRoundTrip) {
  for_random_cases(1, [](TestRandom& random) {
    const auto x =
        random.floats(random.between(1, 50), random.uniform(-9, 1), random.uniform(1, 9));
    for (const bool symmetric : {true, false}) {
      std::vector<int8_t> stored(x.size());
      const BatchScale batch =
          quantize_batch(x.data(), static_cast<int64_t>(x.size()), symmetric, stored.data());
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_NEAR(batch.scale * static_cast<float>(stored[i] - batch.zero), x[i],
                    0.51f * batch.scale * (symmetric ? 1.0f : 2.0f));
        if (symmetric) {
          ASSERT_GE(stored[i], -127);
        }
      }
      if (symmetric) {
        ASSERT_EQ(batch.zero, 0);
      }
    }
  });
}

TEST(QuantizeBatch, ZerosAndWhatIsNotFinite) {
  std::vector<int8_t> stored(2, 9);
  EXPECT_EQ(quantize_batch(std::vector<float>{0, 0}.data(), 2, false, stored.data()).scale, 1.0f);
  EXPECT_EQ(stored, (std::vector<int8_t>{0, 0}));
  const float inf = std::numeric_limits<float>::infinity();
  quantize_batch(std::vector<float>{inf, 1}.data(), 2, true, stored.data());
  EXPECT_EQ(stored, (std::vector<int8_t>{0, 0}));
}

/// Weights with their scale per output channel `c`, and what they stand for.
struct Weights {
  std::vector<int8_t> stored;
  Quantization q;
  double real(size_t i, int64_t channel) const {
    return double{q.scale[q.per_tensor() ? 0 : static_cast<size_t>(channel)]} * stored[i];
  }
};

Weights random_weights(TestRandom& random, int64_t count, int64_t channels, int axis, bool int4) {
  return {random.integers<int8_t>(count, int4 ? -8 : -127, int4 ? 7 : 127),
          weight_scales(random, channels, random.below(2) != 0, axis, 0.02f)};
}

std::vector<uint8_t> packed(const std::vector<int8_t>& values) {
  std::vector<uint8_t> bytes((values.size() + 1) / 2);
  for (size_t i = 0; i < values.size(); ++i) {
    bytes[i / 2] = static_cast<uint8_t>(bytes[i / 2] | (values[i] & 15) << (i % 2 * 4));
  }
  return bytes;
}

/// Within half a step of each activation, in the largest steps that a batch can have.
void expect_quantized(const std::vector<float>& got, const std::vector<double>& exact,
                      const std::vector<double>& weight_sums, float largest) {
  ASSERT_EQ(got.size(), exact.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], exact[i], weight_sums[i] * largest / 127 + 1e-4) << "at " << i;
  }
}

TEST(Hybrid, FullyConnectedIsNearTheOracle) {
  for_random_cases(10, [](TestRandom& random) {
    const int32_t rows = random.between(1, 4), in = random.between(1, 60),
                  out = random.between(1, 9);
    const bool int4 = random.below(2) != 0;
    const auto x = random.floats(int64_t{rows} * in, -3, 3);
    const Weights w = random_weights(random, int64_t{out} * in, out, 0, int4);
    const auto b = random.floats(out, -1, 1);
    TestOp op(OpType::fully_connected,
              FullyConnectedAttributes{.asymmetric_quantize_inputs = random.below(2) != 0});
    op.input<float>({rows, in}, x);
    if (int4) {
      op.constant_bytes(DataType::int4, {out, in}, packed(w.stored), w.q);
    } else {
      op.constant<int8_t>({out, in}, w.stored, w.q);
    }
    op.constant<float>({out}, b).output<float>({rows, out});
    std::vector<double> exact, sums;
    for (int r = 0; r < rows; ++r) {
      for (int o = 0; o < out; ++o) {
        double sum = b[o], size = 0;
        for (int i = 0; i < in; ++i) {
          const double weight = w.real(static_cast<size_t>(o * in + i), o);
          sum += x[r * in + i] * weight;
          size += std::abs(weight);
        }
        exact.push_back(sum);
        sums.push_back(size);
      }
    }
    expect_quantized(op.run<float>(), exact, sums, 3.0f);
    EXPECT_EQ(op.run<float>(), op.run<float>(KernelChoice::plain));
  });
}

TEST(Hybrid, ConvolutionsAreNearTheOracle) {
  for_random_cases(2000, [](TestRandom& random) {
    const bool depthwise = random.below(2) != 0;
    const int32_t n = random.between(1, 3), size = random.between(2, 6), in = random.between(1, 4);
    const int32_t out = depthwise ? in * random.between(1, 2) : random.between(1, 5);
    const auto x = random.floats(int64_t{n} * size * size * in, -2, 5);
    const int64_t count = depthwise ? 4 * out : int64_t{out} * 4 * in;
    const Weights w = random_weights(random, count, out, depthwise ? 3 : 0, false);
    const auto b = random.floats(out, -1, 1);
    const int32_t side = size - 1;
    TestOp op = depthwise ? TestOp(OpType::depthwise_conv_2d,
                                   DepthwiseConv2DAttributes{.padding = Padding::valid})
                          : TestOp(OpType::conv_2d, Conv2DAttributes{.padding = Padding::valid});
    op.input<float>({n, size, size, in}, x);
    op.constant<int8_t>(depthwise ? Shape{1, 2, 2, out} : Shape{out, 2, 2, in}, w.stored, w.q);
    op.constant<float>({out}, b).output<float>({n, side, side, out});
    std::vector<double> exact, sums;
    for (int p = 0; p < n * side * side; ++p) {
      const int image = p / (side * side), y0 = p / side % side, x0 = p % side;
      for (int o = 0; o < out; ++o) {
        double sum = b[o], total = 0;
        for (int k = 0; k < 4; ++k) {
          const int at = ((image * size + y0 + k / 2) * size + x0 + k % 2) * in;
          for (int c = 0; c < (depthwise ? 1 : in); ++c) {
            const int weight = depthwise ? k * out + o : (o * 4 + k) * in + c;
            const double real = w.real(static_cast<size_t>(weight), o);
            sum += real * x[at + (depthwise ? o / (out / in) : c)];
            total += std::abs(real);
          }
        }
        exact.push_back(sum);
        sums.push_back(total);
      }
    }
    expect_quantized(op.run<float>(), exact, sums, 5.0f);
    EXPECT_EQ(op.run<float>(), op.run<float>(KernelChoice::plain));
  });
}

TEST(Hybrid, FastConvolutionsAreThePlainOnes) {
  for_random_cases(4000, [](TestRandom& random) {
    const int32_t n = random.between(1, 2), size = random.between(5, 14),
                  in = random.between(1, 20), out = random.between(1, 40);
    const int32_t filter = random.between(1, 4), stride = random.between(1, 2);
    const bool same = random.below(2) != 0;
    const int32_t side = same ? (size + stride - 1) / stride : (size - filter) / stride + 1;
    TestOp op(OpType::conv_2d,
              Conv2DAttributes{
                  .padding = same ? Padding::same : Padding::valid,
                  .stride_h = stride,
                  .stride_w = stride,
                  .activation = random.below(2) != 0 ? Activation::relu6 : Activation::none});
    op.input<float>({n, size, size, in}, random.floats(int64_t{n} * size * size * in, -1, 4));
    const Weights w = random_weights(random, int64_t{out} * filter * filter * in, out, 0, false);
    op.constant<int8_t>({out, filter, filter, in}, w.stored, w.q);
    op.constant<float>({out}, random.floats(out, -1, 1)).output<float>({n, side, side, out});
    EXPECT_EQ(op.run<float>(), op.run<float>(KernelChoice::plain));
  });
}

TEST(Hybrid, BatchMatMulIsNearTheOracle) {
  for_random_cases(3000, [](TestRandom& random) {
    const int32_t m = random.between(1, 5), k = random.between(1, 20), n = random.between(1, 5);
    const BatchMatMulAttributes a{.adj_x = random.below(2) != 0,
                                  .adj_y = random.below(2) != 0,
                                  .asymmetric_quantize_inputs = random.below(2) != 0};
    const auto x = random.floats(int64_t{m} * k, -2, 2);
    const Weights w = random_weights(random, int64_t{k} * n, n, a.adj_y ? 0 : 1, false);
    TestOp op(OpType::batch_matmul, a);
    op.input<float>(a.adj_x ? Shape{k, m} : Shape{m, k}, x);
    op.constant<int8_t>(a.adj_y ? Shape{n, k} : Shape{k, n}, w.stored, w.q);
    op.output<float>({m, n});
    std::vector<double> exact, sums;
    for (int r = 0; r < m; ++r) {
      for (int c = 0; c < n; ++c) {
        double sum = 0, total = 0;
        for (int i = 0; i < k; ++i) {
          const double real = w.real(static_cast<size_t>(a.adj_y ? c * k + i : i * n + c), c);
          sum += real * x[a.adj_x ? i * m + r : r * k + i];
          total += std::abs(real);
        }
        exact.push_back(sum);
        sums.push_back(total);
      }
    }
    expect_quantized(op.run<float>(), exact, sums, 2.0f);
  });
}

TEST(Hybrid, EmbeddingLookupScalesRows) {
  TestOp op(OpType::embedding_lookup);
  op.input<int32_t>({3}, {1, 0, 7});
  op.constant<int8_t>({2, 2}, {1, -2, 3, 4}, {.scale = {0.5f, 2.0f}, .zero_point = {0, 0}});
  op.output<float>({3, 2});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{6, 8, 0.5f, -1, 0, 0}));
}

TEST(Hybrid, EmbeddingLookupOfPackedTypes) {
  TestOp op(OpType::embedding_lookup);
  op.input<int32_t>({1}, {1});
  op.constant_bytes(DataType::int2, {2, 4}, {0x00, 0b11100100}, Quantization::per_tensor(2.0f, 0));
  op.output<float>({1, 4});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{0, 2, -4, -2}));
}

TEST(Hybrid, RejectsMalformedOps) {
  const auto prepare = [](Quantization q, Shape bias) {
    TestOp op(OpType::fully_connected, FullyConnectedAttributes{});
    op.input<float>({1, 2}, {1, 2}).constant<int8_t>({2, 2}, {1, 2, 3, 4}, q);
    op.constant<float>(bias, std::vector<float>(bias.elements())).output<float>({1, 2});
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare(Quantization::per_tensor(0.5f, 0), {2}));
  EXPECT_ERROR(bad_file, prepare({}, {2}));
  EXPECT_ERROR(bad_file, prepare(Quantization::per_tensor(0.5f, 0), {3}));
  EXPECT_ERROR(bad_file, prepare(Quantization::per_tensor(NAN, 0), {2}));
  EXPECT_ERROR(bad_file, prepare({.scale = {1, 2, 3}, .zero_point = {0, 0, 0}}, {2}));
  EXPECT_ERROR(bad_file, prepare({.scale = {1, 2}, .zero_point = {0, 0}, .axis = 5}, {2}));
  EXPECT_ERROR(unsupported, prepare(Quantization::per_tensor(0.5f, 3), {2}));
}

}  // namespace
}  // namespace smelt
