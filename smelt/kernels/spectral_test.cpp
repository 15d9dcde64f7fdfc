#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "smelt/kernels/fourier.h"
#include "smelt/kernels/real_fft.h"
#include "smelt/kernels/test_op.h"
#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

using Complex = std::complex<double>;

Complex turn(double part) { return std::polar(1.0, -2 * std::numbers::pi * part); }

TEST(Rfft2d, EqualsOracle) {
  for_random_cases(1, [](TestRandom& random) {
    const int32_t h = random.between(1, 6), w = random.between(1, 9);
    const int32_t fh = 1 << random.below(4), fw = 1 << random.below(4);
    const auto x = random.floats(int64_t{2} * h * w, -2, 2);
    TestOp op(OpType::rfft2d);
    op.input<float>({2, h, w}, x).constant<int32_t>({2}, {fh, fw});
    op.output(DataType::complex64, {2, fh, fw / 2 + 1});
    const auto y = op.run<float>();
    size_t at = 0;
    for (int n = 0; n < 2; ++n) {
      for (int u = 0; u < fh; ++u) {
        for (int v = 0; v <= fw / 2; ++v, at += 2) {
          Complex sum;
          for (int i = 0; i < std::min(h, fh); ++i) {
            for (int j = 0; j < std::min(w, fw); ++j) {
              sum += double{x[(n * h + i) * w + j]} * turn(double(u * i) / fh + double(v * j) / fw);
            }
          }
          ASSERT_NEAR(y[at], sum.real(), 1e-4);
          ASSERT_NEAR(y[at + 1], sum.imag(), 1e-4);
        }
      }
    }
  });
}

TEST(Rfft2d, RejectsMalformedOps) {
  const auto prepare = [](std::vector<int32_t> lengths, Shape y) {
    TestOp op(OpType::rfft2d);
    op.input<float>({4, 4}, std::vector<float>(16));
    op.constant<int32_t>({static_cast<int32_t>(lengths.size())}, lengths);
    op.output(DataType::complex64, y);
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({4, 4}, {4, 3}));
  EXPECT_ERROR(bad_file, prepare({3, 4}, {3, 3}));
  EXPECT_ERROR(bad_file, prepare({4, 4}, {4, 4}));
  EXPECT_ERROR(bad_file, prepare({4}, {4, 3}));
  EXPECT_ERROR(bad_file, prepare({0, 4}, {0, 3}));
}

TEST(ComplexNumbers, Parts) {
  for (const auto& [type, expected] :
       {std::pair{OpType::real, 3.0f}, std::pair{OpType::imag, -4.0f},
        std::pair{OpType::complex_abs, 5.0f}}) {
    const std::vector<float> pair = {3, -4};
    std::vector<uint8_t> bytes(8);
    std::memcpy(bytes.data(), pair.data(), 8);
    TestOp op(type);
    op.input_bytes(DataType::complex64, {1}, bytes).output<float>({1});
    EXPECT_EQ(op.run<float>(), (std::vector<float>{expected}));
  }
}

/// Spectrum of a real signal by definition, with kissfft's scaling: fixed point divides by the
/// length.
template <class T>
void check_real_fft(TestRandom& random, double tolerance) {
  const int length = 2 * random.between(1, 60);
  const double most = std::is_integral_v<T> ? double(std::numeric_limits<T>::max()) / 2 : 1.0;
  std::vector<T> x;
  for (int i = 0; i < length; ++i) {
    x.push_back(static_cast<T>(most * random.uniform(-1, 1)));
  }
  const RealFft<T> forward(length, false);
  std::vector<FftPair<T>> y(static_cast<size_t>(length / 2 + 1)), scratch(forward.scratch_pairs());
  forward.forward(x.data(), y.data(), scratch.data());
  const double scale = std::is_integral_v<T> ? length : 1.0;
  for (int k = 0; k <= length / 2; ++k) {
    Complex sum;
    for (int n = 0; n < length; ++n) sum += double(x[n]) * turn(double(n) * k / length);
    ASSERT_NEAR(double(y[k].real), sum.real() / scale, tolerance) << length << " at " << k;
    ASSERT_NEAR(double(y[k].imaginary), sum.imag() / scale, tolerance) << length << " at " << k;
  }
  const RealFft<T> inverse(length, true);
  std::vector<T> back(x.size());
  inverse.backward(y.data(), back.data(), scratch.data());
  for (int n = 0; n < length; ++n) {
    // Fixed point divides by the length on both ways.
    ASSERT_NEAR(double(back[n]) * (std::is_integral_v<T> ? 1.0 : 1.0 / length),
                double(x[n]) / scale, tolerance);
  }
}

TEST(RealFft, FloatEqualsOracle) {
  for_random_cases(100, [](TestRandom& random) { check_real_fft<float>(random, 2e-4); });
}
TEST(RealFft, Int16IsNearOracle) {
  for_random_cases(200, [](TestRandom& random) { check_real_fft<int16_t>(random, 12); });
}
TEST(RealFft, Int32IsNearOracle) {
  for_random_cases(300, [](TestRandom& random) { check_real_fft<int32_t>(random, 200); });
}

struct Volume {
  int32_t d, h, w;
};

TEST(Conv3D, EqualsOracleAndItsTranspose) {
  for_random_cases(400, [](TestRandom& random) {
    const Conv3DAttributes a{.padding = random.below(2) ? Padding::same : Padding::valid,
                             .stride_d = random.between(1, 2),
                             .stride_h = random.between(1, 2),
                             .stride_w = random.between(1, 3)};
    const Volume in{random.between(2, 5), random.between(2, 5), random.between(2, 5)};
    const Volume k{random.between(1, 2), random.between(1, 2), random.between(1, 2)};
    const int32_t ci = random.between(1, 3), co = random.between(1, 3);
    const auto out_size = [&](int32_t size, int32_t filter, int32_t stride) {
      return a.padding == Padding::same ? (size + stride - 1) / stride
                                        : (size - filter + stride) / stride;
    };
    const Volume out{out_size(in.d, k.d, a.stride_d), out_size(in.h, k.h, a.stride_h),
                     out_size(in.w, k.w, a.stride_w)};
    const auto pad = [&](int32_t size, int32_t filter, int32_t stride, int32_t result) {
      return std::max(0, (result - 1) * stride + filter - size) / 2;
    };
    const Volume p{pad(in.d, k.d, a.stride_d, out.d), pad(in.h, k.h, a.stride_h, out.h),
                   pad(in.w, k.w, a.stride_w, out.w)};
    const int64_t cells = int64_t{k.d} * k.h * k.w;
    const auto x = random.floats(int64_t{in.d} * in.h * in.w * ci, -1, 1);
    const auto z = random.floats(int64_t{out.d} * out.h * out.w * co, -1, 1);
    const auto w = random.floats(cells * ci * co, -1, 1);
    const auto b = random.floats(co, -1, 1);
    std::vector<double> y(z.size()), back(x.size());
    for (size_t i = 0; i < y.size(); ++i) y[i] = b[i % static_cast<size_t>(co)];
    for (int od = 0, o = 0; od < out.d; ++od) {
      for (int oh = 0; oh < out.h; ++oh) {
        for (int ow = 0; ow < out.w; ++ow, ++o) {
          for (int c = 0; c < cells; ++c) {
            const int d = od * a.stride_d - p.d + c / (k.h * k.w);
            const int h = oh * a.stride_h - p.h + c / k.w % k.h;
            const int q = ow * a.stride_w - p.w + c % k.w;
            if (d < 0 || d >= in.d || h < 0 || h >= in.h || q < 0 || q >= in.w) continue;
            const int at = (d * in.h + h) * in.w + q;
            for (int i = 0; i < ci; ++i) {
              for (int j = 0; j < co; ++j) {
                const double weight = w[(c * ci + i) * co + j];
                y[o * co + j] += weight * x[at * ci + i];
                back[at * ci + i] += weight * z[o * co + j];
              }
            }
          }
        }
      }
    }
    TestOp op(OpType::conv_3d, a);
    op.input<float>({1, in.d, in.h, in.w, ci}, x).constant<float>({k.d, k.h, k.w, ci, co}, w);
    op.constant<float>({co}, b).output<float>({1, out.d, out.h, out.w, co});
    expect_near(op.run<float>(), y, std::vector<double>(y.size(), 20.0));
    TestOp transpose(OpType::conv_3d_transpose, a);
    transpose.constant<int32_t>({5}, {1, in.d, in.h, in.w, ci});
    transpose.constant<float>({k.d, k.h, k.w, ci, co}, w);
    transpose.input<float>({1, out.d, out.h, out.w, co}, z);
    transpose.output<float>({1, in.d, in.h, in.w, ci});
    expect_near(transpose.run<float>(), back, std::vector<double>(back.size(), 20.0));
  });
}

TEST(Conv3D, RejectsMalformedOps) {
  const auto prepare = [](Shape w, Shape y, int32_t stride) {
    TestOp op(OpType::conv_3d, Conv3DAttributes{.padding = Padding::valid, .stride_d = stride});
    op.input<float>({1, 4, 4, 4, 2}, std::vector<float>(128));
    op.constant<float>(w, std::vector<float>(w.elements())).output<float>(y);
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({2, 2, 2, 2, 3}, {1, 3, 3, 3, 3}, 1));
  EXPECT_ERROR(bad_file, prepare({2, 2, 2, 1, 3}, {1, 3, 3, 3, 3}, 1));
  EXPECT_ERROR(bad_file, prepare({2, 2, 2, 2, 3}, {1, 3, 3, 4, 3}, 1));
  EXPECT_ERROR(bad_file, prepare({2, 2, 2, 2, 3}, {2, 3, 3, 3, 3}, 1));
  EXPECT_ERROR(bad_file, prepare({5, 2, 2, 2, 3}, {1, 0, 3, 3, 3}, 1));
  EXPECT_ERROR(bad_file, prepare({2, 2, 2, 2, 3}, {1, 3, 3, 3, 3}, 0));
  EXPECT_ERROR(bad_file, prepare({2, 2, 2, 2}, {1, 3, 3, 3, 3}, 1));
}

}  // namespace
}  // namespace smelt
