#include <cmath>

#include "smelt/kernels/test_op.h"

namespace smelt {
namespace {

using Real = double (*)(double);

/// An 8-bit or 16-bit activation against the real function in double, within `steps` stored steps.
template <class T>
void expect_near_real(OpType type, Attributes attributes, Quantization in, Quantization out, Real f,
                      double steps) {
  TestRandom random(7);
  std::vector<T> x;
  if (sizeof(T) == 1) {
    for (int v = std::numeric_limits<T>::min(); v <= std::numeric_limits<T>::max(); ++v) {
      x.push_back(static_cast<T>(v));
    }
  } else {
    x = random.integers<T>(2000);
  }
  const auto n = static_cast<int32_t>(x.size());
  TestOp op(type, attributes);
  op.input<T>({n}, x, in).template output<T>({n}, out);
  const std::vector<T> y = op.template run<T>();
  for (size_t i = 0; i < x.size(); ++i) {
    const double real = f(in.scale[0] * static_cast<double>(x[i] - in.zero_point[0]));
    const double stored = std::clamp(real / out.scale[0] + static_cast<double>(out.zero_point[0]),
                                     static_cast<double>(std::numeric_limits<T>::min()),
                                     static_cast<double>(std::numeric_limits<T>::max()));
    ASSERT_NEAR(y[i], stored, steps) << "at stored input " << static_cast<int>(x[i]);
  }
}

template <class T>
std::vector<T> run_unary(OpType type, Attributes attributes, std::vector<T> x, Quantization in,
                         Quantization out) {
  const auto n = static_cast<int32_t>(x.size());
  TestOp op(type, attributes);
  op.input<T>({n}, x, in).template output<T>({n}, out);
  return op.template run<T>();
}

std::vector<float> run_float(OpType type, std::vector<float> x,
                             Attributes attributes = NoAttributes{}) {
  return run_unary<float>(type, attributes, x, {}, {});
}

const auto kQ = [](float scale, int64_t zero) { return Quantization::per_tensor(scale, zero); };

TEST(Activation, FloatClampsKeepTheirBounds) {
  const std::vector<float> x = {-7, -1, -0.5, 0, 0.5, 1, 6, 7};
  EXPECT_EQ(run_float(OpType::relu, x), (std::vector<float>{0, 0, 0, 0, 0.5, 1, 6, 7}));
  EXPECT_EQ(run_float(OpType::relu6, x), (std::vector<float>{0, 0, 0, 0, 0.5, 1, 6, 6}));
  EXPECT_EQ(run_float(OpType::relu_n1_to_1, x),
            (std::vector<float>{-1, -1, -0.5, 0, 0.5, 1, 1, 1}));
  EXPECT_EQ(run_float(OpType::relu_0_to_1, x), (std::vector<float>{0, 0, 0, 0, 0.5, 1, 1, 1}));
}

TEST(Activation, FloatFunctionsMatchDouble) {
  TestRandom random(1);
  const std::vector<float> x = random.floats(500, -20, 20);
  const auto logistic = run_float(OpType::logistic, x);
  const auto tanh = run_float(OpType::tanh, x);
  const auto elu = run_float(OpType::elu, x);
  const auto swish = run_float(OpType::hard_swish, x);
  const auto leaky = run_float(OpType::leaky_relu, x, LeakyReluAttributes{.alpha = -0.3f});
  const auto gelu = run_float(OpType::gelu, x, GeluAttributes{.approximate = false});
  for (size_t i = 0; i < x.size(); ++i) {
    const double v = x[i];
    EXPECT_NEAR(logistic[i], 1 / (1 + std::exp(-v)), 1e-6);
    EXPECT_NEAR(tanh[i], std::tanh(v), 1e-6);
    EXPECT_NEAR(elu[i], v < 0 ? std::expm1(v) : v, 1e-5);
    EXPECT_NEAR(swish[i], v * std::clamp(v + 3, 0.0, 6.0) / 6, 2e-5);
    EXPECT_NEAR(leaky[i], v > 0 ? v : -0.3 * v, 1e-5);
    EXPECT_NEAR(gelu[i], v * 0.5 * std::erfc(-v / std::sqrt(2.0)), 2e-5);
  }
}

TEST(Activation, Int8ReluRescalesAndRelu6DoesNot) {
  // 0.5 * (x + 10) -> scale 0.25 at -100: real values double their stored steps.
  EXPECT_EQ(run_unary<int8_t>(OpType::relu, NoAttributes{}, {-128, -10, -9, 0, 40, 127},
                              kQ(0.5f, -10), kQ(0.25f, -100)),
            (std::vector<int8_t>{-100, -100, -98, -80, 0, 127}));
  // 6 / 0.1 = 60 steps above the input's zero point, and the output's scale is not looked at.
  EXPECT_EQ(run_unary<int8_t>(OpType::relu6, NoAttributes{}, {-128, -10, -9, 50, 51, 127},
                              kQ(0.1f, -10), kQ(0.2f, 3)),
            (std::vector<int8_t>{-10, -10, -9, 50, 50, 50}));
  EXPECT_EQ(run_unary<uint8_t>(OpType::relu6, NoAttributes{}, {0, 10, 70, 71, 255}, kQ(0.1f, 10),
                               kQ(0.1f, 10)),
            (std::vector<uint8_t>{10, 10, 70, 70, 70}));
}

TEST(Activation, IntegersFollowTheRealFunction) {
  const auto logistic = [](double v) { return 1 / (1 + std::exp(-v)); };
  expect_near_real<int8_t>(OpType::logistic, {}, kQ(0.06f, 5), kQ(1.0f / 256, -128), logistic,
                           0.51);
  expect_near_real<int8_t>(OpType::logistic, {}, kQ(0.06f, 5), kQ(0.01f, 0), logistic, 0.51);
  expect_near_real<uint8_t>(OpType::logistic, {}, kQ(0.06f, 90), kQ(1.0f / 256, 0), logistic, 0.51);
  expect_near_real<int16_t>(OpType::logistic, {}, kQ(0.0003f, 0), kQ(1.0f / 32768, 0), logistic, 4);
  expect_near_real<int16_t>(OpType::logistic, {}, kQ(1.0f / 4096, 0), kQ(1.0f / 32768, 0), logistic,
                            4);
  const auto tanh = [](double v) { return std::tanh(v); };
  expect_near_real<int8_t>(OpType::tanh, {}, kQ(0.03f, -7), kQ(1.0f / 128, 0), tanh, 0.51);
  expect_near_real<int16_t>(OpType::tanh, {}, kQ(0.0002f, 0), kQ(1.0f / 32768, 0), tanh, 4);
  const auto swish = [](double v) { return v * std::clamp(v + 3, 0.0, 6.0) / 6; };
  expect_near_real<int8_t>(OpType::hard_swish, {}, kQ(0.05f, 3), kQ(0.03f, -10), swish, 1.5);
  expect_near_real<int8_t>(
      OpType::elu, {}, kQ(0.04f, 3), kQ(0.04f, -90),
      [](double v) { return v < 0 ? std::expm1(v) : v; }, 0.51);
  expect_near_real<int8_t>(
      OpType::leaky_relu, LeakyReluAttributes{.alpha = 0.2f}, kQ(0.04f, 3), kQ(0.05f, -20),
      [](double v) { return v > 0 ? v : 0.2 * v; }, 1.01);
  expect_near_real<int16_t>(
      OpType::leaky_relu, LeakyReluAttributes{.alpha = -0.2f}, kQ(0.0004f, 0), kQ(0.0005f, 0),
      [](double v) { return v > 0 ? v : -0.2 * v; }, 1.01);
  expect_near_real<int16_t>(
      OpType::gelu, GeluAttributes{.approximate = true}, kQ(0.0001f, 0), kQ(0.0001f, 0),
      [](double v) { return 0.5 * v * (1 + std::tanh(0.7978845608 * (v + 0.044715 * v * v * v))); },
      8);
}

TEST(Activation, LogisticSaturatesForHugeScales) {
  EXPECT_EQ(run_unary<int8_t>(OpType::logistic, NoAttributes{}, {-128, -1, 0, 1, 127}, kQ(1e6f, 0),
                              kQ(1.0f / 256, -128)),
            (std::vector<int8_t>{-128, -128, -128, 127, 127}));
  EXPECT_EQ(run_unary<int8_t>(OpType::logistic, NoAttributes{}, {-128, 0, 127}, kQ(1e-20f, 0),
                              kQ(1.0f / 256, -128)),
            (std::vector<int8_t>{0, 0, 0}));
}

TEST(Activation, PreluSpreadsAlpha) {
  TestOp op(OpType::prelu);
  op.input<float>({1, 2, 2}, {-1, -2, 3, -4})
      .input<float>({1, 2}, {0.5f, 2})
      .output<float>({1, 2, 2});
  EXPECT_EQ(op.run<float>(), (std::vector<float>{-0.5f, -4, 3, -8}));
  TestOp fixed(OpType::prelu);
  fixed.input<int8_t>({2, 2}, {-100, 20, -60, 6}, kQ(0.1f, 0))
      .input<int8_t>({2}, {50, 100}, kQ(0.01f, 0))
      .output<int8_t>({2, 2}, kQ(0.1f, 1));
  EXPECT_EQ(fixed.run<int8_t>(), (std::vector<int8_t>{-49, 21, -29, 7}));
}

TEST(Activation, RefusesWhatHasNoKernel) {
  EXPECT_ERROR(unsupported, run_unary<int32_t>(OpType::relu, NoAttributes{}, {1}, {}, {}));
  EXPECT_ERROR(bad_file, run_unary<int8_t>(OpType::relu, NoAttributes{}, {1}, {}, {}));
  EXPECT_ERROR(bad_file,
               run_unary<int8_t>(OpType::leaky_relu, NoAttributes{}, {1}, kQ(1, 0), kQ(1, 0)));
  EXPECT_ERROR(unsupported,
               run_unary<int16_t>(OpType::tanh, NoAttributes{}, {1}, kQ(1e-3f, 0), kQ(1e-3f, 0)));
  TestOp shapes(OpType::relu);
  shapes.input<float>({2}, {1, 2}).output<float>({3});
  EXPECT_ERROR(bad_file, shapes.prepare());
  TestOp types(OpType::relu);
  types.input<float>({2}, {1, 2}).output<int8_t>({2}, kQ(1, 0));
  EXPECT_ERROR(unsupported, types.prepare());
  TestOp missing(OpType::prelu);
  missing.input<float>({2}, {1, 2}).output<float>({2});
  EXPECT_ERROR(bad_file, missing.prepare());
}

}  // namespace
}  // namespace smelt
