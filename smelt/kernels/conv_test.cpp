#include <gtest/gtest.h>

#include "smelt/kernels/test_weighted.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

/// A random convolution, ordinary, depthwise or transposed.
struct Case {
  OpType type = OpType::conv_2d;
  Conv2DAttributes a;
  int32_t batch = 1, in_h = 1, in_w = 1, inputs = 1, outputs = 1, groups = 1;
  int32_t filter_h = 1, filter_w = 1;
  int32_t out_h = 1, out_w = 1;
  bool bias = true, per_channel = true;

  bool depthwise() const { return type == OpType::depthwise_conv_2d; }
  bool transposed() const { return type == OpType::transpose_conv; }
  Shape x() const { return {batch, in_h, in_w, inputs}; }
  Shape y() const { return {batch, out_h, out_w, outputs}; }
  Shape w() const {
    if (depthwise()) return {1, filter_h, filter_w, outputs};
    return {outputs, filter_h, filter_w, inputs / groups};
  }
  int64_t window_values() const { return int64_t{filter_h} * filter_w * inputs / groups; }
  Attributes attributes() const {
    if (depthwise()) {
      return DepthwiseConv2DAttributes{.padding = a.padding,
                                       .stride_h = a.stride_h,
                                       .stride_w = a.stride_w,
                                       .dilation_h = a.dilation_h,
                                       .dilation_w = a.dilation_w,
                                       .depth_multiplier = outputs / inputs,
                                       .activation = a.activation};
    }
    if (transposed()) {
      return TransposeConv2DAttributes{.padding = a.padding,
                                       .stride_h = a.stride_h,
                                       .stride_w = a.stride_w,
                                       .activation = a.activation};
    }
    return a;
  }
};

Case random_case(TestRandom& random, OpType type) {
  Case c;
  c.type = type;
  c.a.padding = random.below(2) ? Padding::same : Padding::valid;
  c.a.stride_h = random.between(1, 3);
  c.a.stride_w = random.between(1, 3);
  c.a.activation = static_cast<Activation>(random.below(4));
  c.batch = random.between(1, 2);
  c.in_h = random.between(1, 9);
  c.in_w = random.between(1, 9);
  c.filter_h = random.between(1, 4);
  c.filter_w = random.between(1, 4);
  c.bias = random.below(4) != 0;
  c.per_channel = random.below(2) != 0;
  if (random.below(4) == 0) {  // pointwise
    c.filter_h = c.filter_w = c.a.stride_h = c.a.stride_w = 1;
  }
  if (c.transposed()) {
    c.inputs = random.between(1, 9);
    c.outputs = random.between(1, 19);
    const bool valid = c.a.padding == Padding::valid;
    c.out_h = c.in_h * c.a.stride_h + (valid ? std::max(c.filter_h - c.a.stride_h, 0) : 0);
    c.out_w = c.in_w * c.a.stride_w + (valid ? std::max(c.filter_w - c.a.stride_w, 0) : 0);
    return c;
  }
  c.a.dilation_h = random.between(1, 3);
  c.a.dilation_w = random.between(1, 2);
  if (c.depthwise()) {
    c.inputs = random.between(1, 40);
    c.outputs = c.inputs * (random.below(3) == 0 ? random.between(2, 4) : 1);
    c.groups = c.inputs;
  } else {
    c.groups = random.below(4) == 0 ? random.between(2, 3) : 1;
    c.inputs = c.groups * random.between(1, 9);
    c.outputs = c.groups * random.between(1, 37);
  }
  if (c.a.padding == Padding::valid) {
    c.in_h = std::max(c.in_h, (c.filter_h - 1) * c.a.dilation_h + 1);
    c.in_w = std::max(c.in_w, (c.filter_w - 1) * c.a.dilation_w + 1);
  }
  c.out_h = window_output_size(c.a.padding, c.in_h, c.filter_h, c.a.stride_h, c.a.dilation_h);
  c.out_w = window_output_size(c.a.padding, c.in_w, c.filter_w, c.a.stride_w, c.a.dilation_w);
  return c;
}

/// Calls visit(y index, output channel, x index, w index) for every product of the convolution, by
/// its definition: transposed ones scatter, the others gather.
template <class Visit>
void for_each_product(const Case& c, Visit&& visit) {
  const auto pad = [&](int32_t size, int32_t filter, int32_t stride, int32_t dilation) {
    const int32_t out = window_output_size(c.a.padding, size, filter, stride, dilation);
    return window_padding(size, filter, stride, dilation, out);
  };
  const int32_t big_h = c.transposed() ? c.out_h : c.in_h;
  const int32_t big_w = c.transposed() ? c.out_w : c.in_w;
  const int32_t small_h = c.transposed() ? c.in_h : c.out_h;
  const int32_t small_w = c.transposed() ? c.in_w : c.out_w;
  const int32_t pad_h = pad(big_h, c.filter_h, c.a.stride_h, c.a.dilation_h);
  const int32_t pad_w = pad(big_w, c.filter_w, c.a.stride_w, c.a.dilation_w);
  const int32_t group_inputs = c.inputs / c.groups;
  const int32_t group_outputs = c.outputs / c.groups;
  for (int n = 0; n < c.batch; ++n) {
    for (int sy = 0; sy < small_h; ++sy) {
      for (int sx = 0; sx < small_w; ++sx) {
        for (int ky = 0; ky < c.filter_h; ++ky) {
          for (int kx = 0; kx < c.filter_w; ++kx) {
            const int by = sy * c.a.stride_h + ky * c.a.dilation_h - pad_h;
            const int bx = sx * c.a.stride_w + kx * c.a.dilation_w - pad_w;
            if (by < 0 || by >= big_h || bx < 0 || bx >= big_w) continue;
            for (int o = 0; o < c.outputs; ++o) {
              for (int i = 0; i < group_inputs; ++i) {
                const int64_t small = (int64_t{n} * small_h + sy) * small_w + sx;
                const int64_t big = (int64_t{n} * big_h + by) * big_w + bx;
                const int channel = o / group_outputs * group_inputs + i;
                const int64_t w =
                    c.depthwise()
                        ? (int64_t{ky} * c.filter_w + kx) * c.outputs + o
                        : ((int64_t{o} * c.filter_h + ky) * c.filter_w + kx) * group_inputs + i;
                visit((c.transposed() ? big : small) * c.outputs + o, o,
                      (c.transposed() ? small : big) * c.inputs + channel, w);
              }
            }
          }
        }
      }
    }
  }
}

/// The op with its operands in their positions.
template <class T, class W, class B>
TestOp make_op(const Case& c, const std::vector<T>& x, Quantization xq, const std::vector<W>& w,
               Quantization wq, const std::vector<B>& b, Quantization yq, bool constant = true) {
  TestOp op(c.type, c.attributes());
  if (c.transposed()) op.constant<int32_t>({4}, c.y().dims());
  if (!c.transposed()) op.input<T>(c.x(), x, xq);
  constant ? op.constant<W>(c.w(), w, wq) : op.input<W>(c.w(), w, wq);
  if (c.transposed()) op.input<T>(c.x(), x, xq);
  if (c.bias) {
    op.constant<B>({c.outputs}, b);
  } else {
    op.absent();
  }
  op.output<T>(c.y(), yq);
  return op;
}

/// A float convolution that runs by Winograd's algorithm on most instruction sets.
Case random_winograd_case(TestRandom& random) {
  Case c;
  c.a.padding = random.below(2) ? Padding::same : Padding::valid;
  c.a.activation = static_cast<Activation>(random.below(4));
  c.batch = random.between(1, 3);
  c.in_h = random.between(6, 13);
  c.in_w = random.between(6, 13);
  c.filter_h = c.filter_w = 3;
  c.inputs = random.between(16, 40);
  c.outputs = random.between(16, 40);
  c.bias = random.below(4) != 0;
  c.out_h = window_output_size(c.a.padding, c.in_h, 3, 1, 1);
  c.out_w = window_output_size(c.a.padding, c.in_w, 3, 1, 1);
  return c;
}

void check_float(TestRandom& random, const Case& c) {
  const auto x = random.floats(c.x().elements(), -2, 2);
  const auto w = random.floats(c.w().elements(), -1, 1);
  const auto b = random.floats(c.outputs, -3, 3);
  std::vector<double> expected(c.y().elements()), magnitude(c.y().elements());
  for (size_t i = 0; i < expected.size(); ++i) {
    expected[i] = c.bias ? b[i % c.outputs] : 0;
    magnitude[i] = std::abs(expected[i]);
  }
  for_each_product(c, [&](int64_t yi, int, int64_t xi, int64_t wi) {
    expected[yi] += double{x[xi]} * w[wi];
    magnitude[yi] += std::abs(double{x[xi]} * w[wi]);
  });
  const FloatRange range = activation_range(c.a.activation);
  for (double& value : expected) value = std::clamp<double>(value, range.low, range.high);
  TestOp op = make_op<float, float, float>(c, x, {}, w, {}, b, {});
  expect_near(op.run<float>(KernelChoice::plain), expected, magnitude);
  for_each_target([&] { expect_near(op.run<float>(), expected, magnitude); });
}

/// y_scale such that sums of random products fill the type's range.
float output_scale(const Case& c, float x_scale, float w_scale, double spread, double range) {
  return static_cast<float>(x_scale * w_scale * spread * std::sqrt(double(c.window_values()) + 1) /
                            range);
}

template <class T, class W, class B>
void check_int(TestRandom& random, OpType type, double x_spread) {
  const Case c = random_case(random, type);
  const bool symmetric = sizeof(T) == 2;
  const IntRange types = range_of(data_type_of<T>);
  const auto zero = [&] { return symmetric ? 0 : random.between(types.low, types.high); };
  const float x_scale = random.uniform(0.001f, 0.1f);
  const auto x = random.integers<T>(c.x().elements());
  const bool legacy = std::is_same_v<W, uint8_t>;
  Quantization wq =
      weight_scales(random, c.outputs, c.per_channel && !legacy, c.depthwise() ? 3 : 0, 0.01f);
  if (legacy) wq.zero_point[0] = random.between(0, 255);
  const auto w = legacy ? random.integers<W>(c.w().elements())
                        : random.integers<W>(c.w().elements(), -127, 127);
  const auto b = random.integers<B>(c.outputs, -20000, 20000);
  const Quantization xq = Quantization::per_tensor(x_scale, zero());
  // Now and then a tiny output scale, for multipliers above 1.
  const float narrow = random.below(5) == 0 ? 1e-3f : 1.0f;
  const float y_scale =
      narrow * output_scale(c, x_scale, 0.01f, x_spread * 70, double(types.high) - types.low);
  const Quantization yq = Quantization::per_tensor(y_scale, zero());
  std::vector<int64_t> sums(c.y().elements());
  for (size_t i = 0; i < sums.size(); ++i) sums[i] = c.bias ? b[i % c.outputs] : 0;
  for_each_product(c, [&](int64_t yi, int, int64_t xi, int64_t wi) {
    sums[yi] += int64_t{x[xi] - xq.zero_point[0]} * (w[wi] - wq.zero_point[0]);
  });
  TestOp op = make_op<T, W, B>(c, x, xq, w, wq, b, yq);
  const std::vector<T> plain = op.run<T>(KernelChoice::plain);
  Operand y{.name = "y", .type = data_type_of<T>, .shape = c.y(), .quantization = &yq};
  const IntRange range = activation_range(c.a.activation, y);
  if (narrow == 1.0f) {
    for (size_t i = 0; i < sums.size(); ++i) {
      const float ws = wq.scale[wq.scale.size() == 1 ? 0 : i % c.outputs];
      const double real = double(sums[i]) * x_scale * ws / y_scale + double(yq.zero_point[0]);
      ASSERT_TRUE(stored_right(plain[i], real, range)) << plain[i] * 1 << " for " << real;
    }
  }
  for_each_target([&] { ASSERT_EQ(op.run<T>(), plain); });
  ASSERT_EQ((make_op<T, W, B>(c, x, xq, w, wq, b, yq, false).template run<T>()), plain);
}

class ConvTest : public ::testing::TestWithParam<OpType> {};
INSTANTIATE_TEST_SUITE_P(Ops, ConvTest,
                         ::testing::Values(OpType::conv_2d, OpType::depthwise_conv_2d,
                                           OpType::transpose_conv),
                         [](const auto& op) { return std::string(name(op.param)); });

TEST_P(ConvTest, FloatEqualsOracle) {
  for_random_cases(
      1000, [](TestRandom& random) { check_float(random, random_case(random, GetParam())); });
}

TEST(Conv2D, WinogradEqualsOracle) {
  for_random_cases(5000,
                   [](TestRandom& random) { check_float(random, random_winograd_case(random)); });
}

/// Results of a sample must not depend on the samples that run with it, to the bit.
TEST(Conv2D, FloatDoesNotDependOnTheBatch) {
  for_random_cases(6000, [](TestRandom& random) {
    Case c = random.below(2) ? random_winograd_case(random) : random_case(random, OpType::conv_2d);
    c.batch = random.between(2, 9);
    const auto x = random.floats(c.x().elements(), -2, 2);
    const auto w = random.floats(c.w().elements(), -1, 1);
    const auto b = random.floats(c.outputs, -3, 3);
    for_each_target([&] {
      const auto all = make_op<float, float, float>(c, x, {}, w, {}, b, {}).run<float>();
      Case one = c;
      one.batch = 1;
      const auto size = static_cast<int64_t>(x.size()) / c.batch;
      const std::vector<float> last(x.end() - size, x.end());
      const auto alone = make_op<float, float, float>(one, last, {}, w, {}, b, {}).run<float>();
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), all.end() - alone.size()));
    });
  });
}

TEST_P(ConvTest, Int8FastEqualsPlainEqualsOracle) {
  for_random_cases(2000, [](TestRandom& random) {
    check_int<int8_t, int8_t, int32_t>(random, GetParam(), 128);
  });
}

TEST_P(ConvTest, Uint8FastEqualsPlainEqualsOracle) {
  for_random_cases(3000, [](TestRandom& random) {
    check_int<uint8_t, uint8_t, int32_t>(random, GetParam(), 128);
  });
}

TEST_P(ConvTest, Int16EqualsOracle) {
  for_random_cases(4000, [](TestRandom& random) {
    check_int<int16_t, int8_t, int64_t>(random, GetParam(), 30000);
  });
}

TEST(Conv2D, Int4WeightsAreUnpackedLowHalfFirst) {
  const Quantization q = Quantization::per_tensor(1, 0);
  for (const KernelChoice choice : {KernelChoice::plain, KernelChoice::fastest}) {
    TestOp op(OpType::conv_2d, Conv2DAttributes{});
    op.input<int8_t>({1, 1, 1, 3}, {1, 10, 100}, q);
    op.constant_bytes(DataType::int4, {1, 1, 1, 3}, {0x78, 0x01}, q);  // -8, 7, 1
    op.absent().output<int8_t>({1, 1, 1, 1}, Quantization::per_tensor(2, 0));
    EXPECT_EQ(op.run<int8_t>(choice), std::vector<int8_t>{81});
  }
  TestOp computed(OpType::conv_2d, Conv2DAttributes{});
  computed.input<int8_t>({1, 1, 1, 1}, {1}, q).input_bytes(DataType::int4, {1, 1, 1, 1}, {1}, q);
  computed.output<int8_t>({1, 1, 1, 1}, q);
  EXPECT_ERROR(unsupported, computed.prepare());
}

TEST(Conv2D, Int16BiasTypeDecidesTheRounding) {
  // Sums of 32 bits go through the multiplication of int8 kernels, sums of 64 bits through one with
  // a 15-bit multiplier: 12345678 * 0.7 / 1024 = 8439.4 tells them apart.
  const auto run = [](auto bias) {
    TestOp op(OpType::conv_2d, Conv2DAttributes{});
    op.input<int16_t>({1, 1, 1, 1}, {0}, Quantization::per_tensor(1, 0));
    op.constant<int8_t>({1, 1, 1, 1}, {1}, Quantization::per_tensor(0.7f, 0));
    op.constant<decltype(bias)>({1}, {bias});
    op.output<int16_t>({1, 1, 1, 1}, Quantization::per_tensor(1024, 0));
    return op.run<int16_t>();
  };
  EXPECT_EQ(run(int32_t{12345678}), std::vector<int16_t>{8439});
  EXPECT_EQ(run(int64_t{12345678}), std::vector<int16_t>{8440});
}

/// A well-formed int8 convolution that the tests below spoil.
struct Parts {
  Conv2DAttributes a;
  Shape x{1, 4, 4, 2}, w{3, 3, 3, 2}, b{3}, y{1, 4, 4, 3};
  Quantization xq = Quantization::per_tensor(0.1f, 3);
  Quantization wq{.scale = {0.1f, 0.2f, 0.3f}, .zero_point = {0, 0, 0}};
  Quantization yq = Quantization::per_tensor(0.5f, -4);
  DataType y_type = DataType::int8;

  Kernel prepare() const {
    TestOp op(OpType::conv_2d, a);
    op.input<int8_t>(x, std::vector<int8_t>(x.elements()), xq);
    op.constant<int8_t>(w, std::vector<int8_t>(w.elements()), wq);
    op.constant<int32_t>(b, std::vector<int32_t>(b.elements()));
    op.output(y_type, y, yq);
    return op.prepare();
  }
};

TEST(Conv2D, RejectsMalformedOps) {
  Parts good;
  EXPECT_NO_THROW(good.prepare());
  const auto bad = [](auto&& spoil) {
    Parts parts;
    spoil(parts);
    EXPECT_ERROR(bad_file, parts.prepare());
  };
  bad([](Parts& p) { p.a.stride_h = 0; });
  bad([](Parts& p) { p.a.stride_w = -1; });
  bad([](Parts& p) { p.a.dilation_w = 0; });
  bad([](Parts& p) { p.x = {4, 4, 2}; });
  bad([](Parts& p) { p.x = {1, 0, 4, 2}; });
  bad([](Parts& p) { p.w = {3, 3, 3, 4}; });
  bad([](Parts& p) { p.w = {3, 3, 3, 0}; });
  bad([](Parts& p) { p.w = {3, 0, 3, 2}; });
  bad([](Parts& p) { p.w = {3, 3, 3, 1}; });  // 2 groups do not divide 3 channels
  bad([](Parts& p) { p.b = {2}; });
  bad([](Parts& p) { p.y = {1, 4, 4, 4}; });
  bad([](Parts& p) { p.y = {1, 3, 4, 3}; });
  bad([](Parts& p) { p.y = {2, 4, 4, 3}; });
  bad([](Parts& p) { p.xq = {}; });
  bad([](Parts& p) { p.xq.scale[0] = 0; });
  bad([](Parts& p) { p.xq.zero_point[0] = 200; });
  bad([](Parts& p) { p.yq.scale[0] = std::numeric_limits<float>::quiet_NaN(); });
  bad([](Parts& p) { p.wq = {}; });
  bad([](Parts& p) { p.wq.scale.pop_back(); });
  bad([](Parts& p) { p.wq.zero_point.pop_back(); });
  bad([](Parts& p) { p.wq.axis = 3; });
  bad([](Parts& p) { p.wq.axis = 9; });
  bad([](Parts& p) { p.wq.scale[1] = -1; });
  bad([](Parts& p) { p.wq.scale[1] = 1e30f; });
  bad([](Parts& p) { p.a.padding = Padding::valid, p.w = {3, 5, 3, 2}; });
  bad([](Parts& p) { p.a.activation = Activation::relu6, p.yq.scale[0] = 1e-12f; });
  Parts types;
  types.y_type = DataType::int16;
  EXPECT_ERROR(unsupported, types.prepare());
  Parts tanh;
  tanh.a.activation = Activation::tanh;
  EXPECT_ERROR(unsupported, tanh.prepare());
}

TEST(DepthwiseConv2D, RejectsWeightsThatDoNotFit) {
  for (const Shape& w : {Shape{2, 3, 3, 4}, Shape{1, 3, 3, 5}, Shape{1, 3, 3, 2}}) {
    TestOp op(OpType::depthwise_conv_2d, DepthwiseConv2DAttributes{});
    op.input<float>({1, 5, 5, 4}, std::vector<float>(100));
    op.constant<float>(w, std::vector<float>(w.elements()));
    op.output<float>({1, 5, 5, 4});
    EXPECT_ERROR(bad_file, op.prepare());
  }
}

TEST(TransposeConv, StrideBeyondTheFilterLeavesBias) {
  TestOp op(OpType::transpose_conv,
            TransposeConv2DAttributes{.padding = Padding::same, .stride_h = 3, .stride_w = 3});
  op.constant<int32_t>({4}, {1, 3, 3, 1}).constant<float>({1, 1, 1, 1}, {2});
  op.input<float>({1, 1, 1, 1}, {5}).constant<float>({1}, {0.5f}).output<float>({1, 3, 3, 1});
  for_each_target([&] {
    EXPECT_EQ(op.run<float>(),
              (std::vector<float>{10.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f}));
  });
}

/// A result one cell larger than the input spreads to: cells of one weight have rows and columns
/// that lie behind the input.
TEST(TransposeConv, LargerResultsEndInBias) {
  TestOp op(OpType::transpose_conv,
            TransposeConv2DAttributes{.padding = Padding::valid, .stride_h = 2, .stride_w = 2});
  op.constant<int32_t>({4}, {1, 6, 6, 1});
  op.constant<float>({1, 3, 3, 1}, {0, 0, 0, 0, 1, 0, 0, 0, 0});
  op.input<float>({1, 2, 2, 1}, {1, 2, 3, 4}).constant<float>({1}, {0.5f});
  op.output<float>({1, 6, 6, 1});
  std::vector<float> expected(36, 0.5f);
  expected[7] = 1.5f;
  expected[9] = 2.5f;
  expected[19] = 3.5f;
  expected[21] = 4.5f;
  for_each_target([&] { EXPECT_EQ(op.run<float>(), expected); });
}

}  // namespace
}  // namespace smelt
