#include <cmath>

#include "smelt/base/half.h"
#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

Quantization q(float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); }

template <class From, class To>
std::vector<To> convert(OpType type, std::vector<From> x, Quantization qx = {},
                        Quantization qy = {}, Attributes attributes = NoAttributes{}) {
  const auto n = static_cast<int32_t>(x.size());
  TestOp op(type, attributes);
  op.input<From>({n}, x, qx).template output<To>({n}, qy);
  return op.template run<To>();
}

template <class From, class To>
std::vector<To> cast(std::vector<From> x) {
  return convert<From, To>(OpType::cast, std::move(x), {}, {}, CastAttributes{});
}

TEST(Cast, FloatsTruncateAndSaturate) {
  EXPECT_EQ((cast<float, int32_t>({1.9f, -1.9f, 3e10f, -3e10f, NAN})),
            (std::vector<int32_t>{1, -1, INT32_MAX, INT32_MIN, 0}));
  EXPECT_EQ((cast<float, int8_t>({127.9f, 128.0f, -129.0f})),
            (std::vector<int8_t>{127, 127, -128}));
  EXPECT_EQ((cast<float, bool>({0.0f, 0.5f})), (std::vector<bool>{false, true}));
  EXPECT_EQ((cast<bool, float>({true, false})), (std::vector<float>{1, 0}));
  EXPECT_EQ((cast<int64_t, int32_t>({-5, 7})), (std::vector<int32_t>{-5, 7}));
}

TEST(Quantize, RoundsHalfAwayFromZeroExactly) {
  TestRandom random(31);
  std::vector<float> x = {0.5f,       -0.5f, 0.49999997f, -0.49999997f, 1.5f,   2.5f,  -2.5f,
                          2.4999998f, 1e30f, -1e30f,      INFINITY,     126.5f, 127.4f};
  for (const float v : random.floats(5000, -150, 150)) x.push_back(v);
  for (int i = 0; i < 1000; ++i) x.push_back(static_cast<float>(random.between(-300, 300)) / 2);
  for (const float scale : {1.0f, 0.1f, 0.0235f}) {
    for (const int zero : {-128, 0, 127}) {
      const auto y8 = convert<float, int8_t>(OpType::quantize, x, {}, q(scale, zero));
      const auto y16 = convert<float, int16_t>(OpType::quantize, x, {}, q(scale, 0));
      for (size_t i = 0; i < x.size(); ++i) {
        const double rounded = std::round(x[i] / scale);
        ASSERT_EQ(y8[i], std::clamp(rounded + zero, -128.0, 127.0)) << x[i];
        ASSERT_EQ(y16[i], std::clamp(rounded, -32768.0, 32767.0)) << x[i];
      }
    }
  }
  EXPECT_EQ((convert<float, uint8_t>(OpType::quantize, {-3, 0, 3}, {}, q(0.5f, 4))),
            (std::vector<uint8_t>{0, 4, 10}));
}

TEST(Quantize, RequantizesBetweenIntegers) {
  EXPECT_EQ((convert<int8_t, uint8_t>(OpType::quantize, {-128, 0, 127}, q(0.1f, 0), q(0.1f, 128))),
            (std::vector<uint8_t>{0, 128, 255}));
  EXPECT_EQ((convert<uint8_t, int8_t>(OpType::quantize, {0, 128, 255}, q(0.1f, 128), q(0.1f, 0))),
            (std::vector<int8_t>{-128, 0, 127}));
  EXPECT_EQ(
      (convert<int16_t, int8_t>(OpType::quantize, {-30000, 100, 30000}, q(0.001f, 0), q(0.1f, 5))),
      (std::vector<int8_t>{-128, 6, 127}));
  EXPECT_EQ((convert<int8_t, int32_t>(OpType::quantize, {-100, 3}, q(1, 0), q(0.25f, 0))),
            (std::vector<int32_t>{-400, 12}));
  EXPECT_EQ((convert<int32_t, int16_t>(OpType::quantize, {-400, 12}, q(0.25f, 0), q(1, 0))),
            (std::vector<int16_t>{-100, 3}));
}

TEST(Dequantize, PerTensorPerChannelHalfAndInt4) {
  EXPECT_EQ((convert<int8_t, float>(OpType::dequantize, {-128, 0, 127}, q(0.5f, -1))),
            (std::vector<float>{-63.5f, 0.5f, 64}));
  TestOp channels(OpType::dequantize);
  channels
      .input<int8_t>({2, 3}, {1, 2, 3, 4, 5, 6},
                     Quantization{.scale = {1, 10, 100}, .zero_point = {0, 1, 0}, .axis = 1})
      .output<float>({2, 3});
  EXPECT_EQ(channels.run<float>(), (std::vector<float>{1, 10, 300, 4, 40, 600}));
  const uint16_t half = float_to_half(-1.5f);
  TestOp halves(OpType::dequantize);
  halves
      .input_bytes(DataType::float16, {1},
                   {static_cast<uint8_t>(half), static_cast<uint8_t>(half >> 8)})
      .output<float>({1});
  EXPECT_EQ(halves.run<float>(), (std::vector<float>{-1.5f}));
  TestOp nibbles(OpType::dequantize);
  nibbles.input_bytes(DataType::int4, {3}, {0x8F, 0x07}, q(2, 0)).output<float>({3});
  EXPECT_EQ(nibbles.run<float>(), (std::vector<float>{-2, -16, 14}));
}

TEST(Quantize, RefusesMissingScales) {
  EXPECT_ERROR(bad_file, (convert<float, int8_t>(OpType::quantize, {1})));
  EXPECT_ERROR(bad_file, (convert<int8_t, float>(OpType::dequantize, {1})));
  EXPECT_ERROR(unsupported, (convert<float, int64_t>(OpType::quantize, {1}, {}, q(1, 0))));
  TestOp wrong(OpType::dequantize);
  wrong
      .input<int8_t>({2, 3}, {1, 2, 3, 4, 5, 6},
                     Quantization{.scale = {1, 10}, .zero_point = {0, 1}, .axis = 1})
      .output<float>({2, 3});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

}  // namespace
}  // namespace smelt
