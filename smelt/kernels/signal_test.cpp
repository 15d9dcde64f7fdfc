#include "smelt/kernels/signal.h"

#include <gtest/gtest.h>

#include <cmath>

#include "smelt/kernels/test_custom.h"
#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

TEST(Signal, WindowMultipliesAndSaturates) {
  TestOp op = custom_op("SignalWindow", {{"shift", 1}});
  op.input<int16_t>({2, 2}, {100, -7, 32767, -32768}).constant<int16_t>({2}, {4, 3});
  op.output<int16_t>({2, 2});
  EXPECT_EQ(op.run<int16_t>(), (std::vector<int16_t>{200, -11, 32767, -32768}));
}

TEST(Signal, AutoScaleUsesAllBits) {
  for_random_cases(1, [](TestRandom& random) {
    const int most = 1 << random.between(0, 14);
    const auto x = random.integers<int16_t>(random.between(1, 20), -most, most);
    TestOp op = custom_op("SignalFftAutoScale");
    const auto n = static_cast<int32_t>(x.size());
    op.input<int16_t>({n}, x).output<int16_t>({n}).output<int32_t>({});
    const auto y = op.run<int16_t>();
    const int32_t shift = op.result<int32_t>(1)[0];
    int32_t largest = 0;
    for (int i = 0; i < n; ++i) {
      ASSERT_EQ(y[i], x[i] * (1 << shift));
      largest = std::max(largest, std::abs(int32_t{x[i]}));
    }
    ASSERT_LT(largest << shift, 32768);
    if (largest > 0) {
      ASSERT_GE(largest << shift, 16384);
    }
  });
}

TEST(Signal, EnergyOfARange) {
  TestOp op = custom_op("SignalEnergy", {{"start_index", 1}, {"end_index", 3}});
  op.input<int16_t>({6}, {9, 9, 3, -4, -32768, -32768}).output<uint32_t>({3});
  EXPECT_EQ(op.run<uint32_t>(), (std::vector<uint32_t>{0, 25, 2147483648u}));
}

TEST(Signal, FilterBankSharesWithTheNextChannel) {
  // Channel 0 is what comes in front: its weights count for nobody, its unweights for channel 1.
  TestOp op = custom_op("SignalFilterBank", {{"num_channels", 2}});
  op.input<uint32_t>({4}, {1, 10, 100, 1000});
  op.constant<int16_t>({4}, {1, 2, 3, 4}).constant<int16_t>({4}, {5, 6, 7, 8});
  op.constant<int16_t>({3}, {0, 1, 3}).constant<int16_t>({3}, {0, 1, 3});
  op.constant<int16_t>({3}, {1, 2, 1}).output<uint64_t>({2});
  EXPECT_EQ(op.run<uint64_t>(),
            (std::vector<uint64_t>{2 * 10 + 3 * 100 + 5 * 1, 4 * 1000 + 6 * 10 + 7 * 100}));
}

TEST(Signal, SquareRootsAreRounded) {
  for_random_cases(10, [](TestRandom& random) {
    const uint64_t x = (uint64_t{1} << random.below(63)) + random.below(1 << 30);
    TestOp op = custom_op("SignalFilterBankSquareRoot");
    op.input<uint64_t>({1}, {x}).input<int32_t>({}, {0}).output<uint32_t>({1});
    const double root = std::sqrt(static_cast<double>(x));
    ASSERT_NEAR(op.run<uint32_t>()[0], root, 0.51 + root * 1e-9);
  });
}

TEST(Signal, LogarithmsAreNearTheOracle) {
  for_random_cases(20, [](TestRandom& random) {
    const auto x =
        static_cast<uint32_t>((uint64_t{1} << random.below(31)) + random.below(1000) + 1);
    TestOp op = custom_op("SignalFilterBankLog", {{"output_scale", 1000}});
    op.input<uint32_t>({1}, {x}).output<int16_t>({1});
    const double expected = 1000 * std::log(static_cast<double>(x));
    ASSERT_NEAR(op.run<int16_t>()[0], expected, 1.5 + expected * 4e-4);
  });
}

TEST(Signal, NoiseEstimateIsRemembered) {
  TestOp op =
      custom_op("SignalFilterBankSpectralSubtraction", {{"alternate_one_minus_smoothing", 8192},
                                                        {"alternate_smoothing", 8192},
                                                        {"min_signal_remaining", 0},
                                                        {"num_channels", 2},
                                                        {"one_minus_smoothing", 12288},
                                                        {"smoothing", 4096},
                                                        {"smoothing_bits", 0},
                                                        {"spectral_subtraction_bits", 14}});
  op.input<uint32_t>({2}, {400, 400}).output<uint32_t>({2}).output<uint32_t>({2});
  const Kernel kernel = op.prepare();
  TestState state(kernel);
  op.invoke(kernel, state.data());
  EXPECT_EQ(op.result<uint32_t>(0), (std::vector<uint32_t>{300, 200}));
  op.invoke(kernel, state.data());
  EXPECT_EQ(op.result<uint32_t>(1), (std::vector<uint32_t>{175, 300}));
}

TEST(Signal, FramesOverlapAndComeBack) {
  TestOp framer = custom_op("SignalFramer", {{"frame_size", 4}, {"frame_step", 2}});
  framer.input<int16_t>({1, 2}, {1, 2}).output<int16_t>({1, 1, 4}).output<bool>({});
  const Kernel kernel = framer.prepare();
  TestState state(kernel);
  framer.invoke(kernel, state.data());
  EXPECT_EQ(framer.result<uint8_t>(1)[0], 0);
  framer.set_input<int16_t>(0, {3, 4});
  framer.invoke(kernel, state.data());
  EXPECT_EQ(framer.result<uint8_t>(1)[0], 1);
  EXPECT_EQ(framer.result<int16_t>(), (std::vector<int16_t>{1, 2, 3, 4}));
  framer.set_input<int16_t>(0, {5, 6});
  framer.invoke(kernel, state.data());
  EXPECT_EQ(framer.result<int16_t>(), (std::vector<int16_t>{3, 4, 5, 6}));

  TestOp add = custom_op("SignalOverlapAdd", {{"frame_step", 2}});
  add.input<float>({2, 3}, {1, 1, 1, 10, 10, 10}).output<float>({4});
  const Kernel sums = add.prepare();
  TestState kept(sums);
  add.invoke(sums, kept.data());
  EXPECT_EQ(add.result<float>(), (std::vector<float>{1, 1, 11, 10}));
}

TEST(Signal, DelayStackerAndCircularBuffer) {
  TestOp delay = custom_op("SignalDelay", {{"delay_length", 3}});
  delay.input<int16_t>({2}, {1, 2}).output<int16_t>({2});
  const Kernel delayed = delay.prepare();
  TestState samples(delayed);
  std::vector<int16_t> seen;
  for (int16_t i = 0; i < 6; i += 2) {
    delay.set_input<int16_t>(0, {static_cast<int16_t>(i + 1), static_cast<int16_t>(i + 2)});
    delay.invoke(delayed, samples.data());
    const auto y = delay.result<int16_t>();
    seen.insert(seen.end(), y.begin(), y.end());
  }
  EXPECT_EQ(seen, (std::vector<int16_t>{0, 0, 0, 1, 2, 3}));

  TestOp stacker = custom_op("SignalStacker", {{"num_channels", 1},
                                               {"stacker_left_context", 1},
                                               {"stacker_right_context", 1},
                                               {"stacker_step", 1}});
  stacker.input<int16_t>({1}, {7}).output<int16_t>({3}).output<bool>({});
  const Kernel stacked = stacker.prepare();
  TestState frames(stacked);
  stacker.invoke(stacked, frames.data());
  EXPECT_EQ(stacker.result<uint8_t>(1)[0], 0);
  stacker.set_input<int16_t>(0, {8});
  stacker.invoke(stacked, frames.data());
  EXPECT_EQ(stacker.result<int16_t>(), (std::vector<int16_t>{7, 7, 8}));

  TestOp circular = custom_op("CIRCULAR_BUFFER", {{"cycles_max", 1}});
  circular.input<int8_t>({1, 1, 1, 2}, {1, 2});
  circular.output<int8_t>({1, 2, 1, 2}, Quantization::per_tensor(1, -9));
  const Kernel ring = circular.prepare();
  TestState slots(ring);
  circular.invoke(ring, slots.data());
  EXPECT_EQ(circular.result<int8_t>(), (std::vector<int8_t>{-9, -9, 1, 2}));
}

TEST(Signal, RejectsMalformedOps) {
  const auto framer = [](int size, int step, Shape y) {
    TestOp op = custom_op("SignalFramer", {{"frame_size", size}, {"frame_step", step}});
    op.input<int16_t>({1, 4}, {1, 2, 3, 4}).output<int16_t>(y).output<bool>({});
    return op.prepare();
  };
  EXPECT_NO_THROW(framer(4, 2, {1, 2, 4}));
  EXPECT_ERROR(bad_file, framer(4, 3, {1, 1, 4}));
  EXPECT_ERROR(bad_file, framer(4, 0, {1, 2, 4}));
  EXPECT_ERROR(bad_file, framer(1, 2, {1, 2, 1}));
  EXPECT_ERROR(bad_file, framer(4, 2, {1, 2, 5}));
  const auto rfft = [](int length, Shape y) {
    TestOp op = custom_op("SignalRfft", {{"fft_length", length}});
    op.input<int16_t>({8}, std::vector<int16_t>(8)).output<int16_t>(y);
    return op.prepare();
  };
  EXPECT_NO_THROW(rfft(8, {10}));
  EXPECT_ERROR(bad_file, rfft(7, {9}));
  EXPECT_ERROR(bad_file, rfft(6, {8}));
  EXPECT_ERROR(bad_file, rfft(0, {2}));
  EXPECT_ERROR(bad_file, rfft(8, {9}));
  TestOp bank = custom_op("SignalFilterBank", {{"num_channels", 1}});
  bank.input<uint32_t>({4}, {1, 10, 100, 1000});
  bank.constant<int16_t>({4}, {1, 2, 3, 4}).constant<int16_t>({4}, {5, 6, 7, 8});
  bank.constant<int16_t>({2}, {0, 3}).constant<int16_t>({2}, {0, 1});
  bank.constant<int16_t>({2}, {1, 2}).output<uint64_t>({1});
  EXPECT_ERROR(bad_file, bank.prepare());
}

}  // namespace
}  // namespace smelt
