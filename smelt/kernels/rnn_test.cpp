#include <cmath>

#include "smelt/kernels/fixed16.h"
#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

using Values = std::vector<float>;

/// A simple recurrent cell with random weights, and its state in double.
struct Cell {
  int32_t batch, inputs, units;
  Values weights, recurrent, bias;
  std::vector<double> state;

  Cell(TestRandom& random, int32_t batch_, int32_t inputs_, int32_t units_)
      : batch(batch_),
        inputs(inputs_),
        units(units_),
        weights(random.floats(int64_t{units} * inputs, -0.7f, 0.7f)),
        recurrent(random.floats(int64_t{units} * units, -0.3f, 0.3f)),
        bias(random.floats(units, -0.5f, 0.5f)),
        state(static_cast<size_t>(batch) * units) {}

  void add(TestOp& op) const {
    op.constant<float>({units, inputs}, weights).constant<float>({units, units}, recurrent);
    op.constant<float>({units}, bias).variable<float>({batch, units}, Values(state.size()));
  }
  std::vector<double> step(int64_t b, const float* x) {
    double* h = state.data() + b * units;
    std::vector<double> next(static_cast<size_t>(units));
    for (int64_t u = 0; u < units; ++u) {
      double sum = bias[u];
      for (int64_t i = 0; i < inputs; ++i) sum += double{weights[u * inputs + i]} * x[i];
      for (int64_t i = 0; i < units; ++i) sum += recurrent[u * units + i] * h[i];
      next[u] = std::tanh(sum);
    }
    std::copy(next.begin(), next.end(), h);
    return next;
  }
};

void expect_close(const Values& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-5) << "at " << i;
}

TEST(Rnn, EqualsOracleAndKeepsItsState) {
  for_random_cases(1, [](TestRandom& random) {
    Cell cell(random, random.between(1, 3), random.between(1, 20), random.between(1, 20));
    const Values x = random.floats(int64_t{cell.batch} * cell.inputs, -1, 1);
    TestOp op(OpType::rnn, RnnAttributes{.activation = Activation::tanh});
    op.input<float>({cell.batch, cell.inputs}, x);
    cell.add(op);
    op.output<float>({cell.batch, cell.units});
    const KernelChoice choice = random.below(2) ? KernelChoice::plain : KernelChoice::fastest;
    const Kernel kernel = op.prepare(choice);
    for (int invocation = 0; invocation < 3; ++invocation) {
      op.invoke(kernel);
      std::vector<double> expected;
      for (int64_t b = 0; b < cell.batch; ++b) {
        const auto y = cell.step(b, x.data() + b * cell.inputs);
        expected.insert(expected.end(), y.begin(), y.end());
      }
      expect_close(op.result<float>(), expected);
    }
  });
}

TEST(BidirectionalRnn, EqualsTwoCellsOneOfThemFromTheEnd) {
  for_random_cases(100, [](TestRandom& random) {
    const int32_t time = random.between(1, 5), inputs = random.between(1, 9);
    Cell first(random, 1, inputs, random.between(1, 9));
    Cell second(random, 1, inputs, random.between(1, 9));
    const Values x = random.floats(int64_t{time} * inputs, -1, 1);
    TestOp op(OpType::bidirectional_sequence_rnn,
              BidirectionalRnnAttributes{.activation = Activation::tanh, .merge_outputs = true});
    op.input<float>({1, time, inputs}, x);
    first.add(op);
    second.add(op);
    op.absent().absent().absent();
    const int32_t width = first.units + second.units;
    op.output<float>({1, time, width});
    std::vector<double> expected(static_cast<size_t>(time) * width);
    for (int64_t t = 0; t < time; ++t) {
      const auto y = first.step(0, x.data() + t * inputs);
      std::copy(y.begin(), y.end(), expected.begin() + t * width);
      const auto z = second.step(0, x.data() + (time - 1 - t) * inputs);
      std::copy(z.begin(), z.end(), expected.begin() + (time - 1 - t) * width + first.units);
    }
    expect_close(op.run<float>(), expected);
  });
}

struct SvdfCase {
  int32_t batch, inputs, units, rank, memory;
  int32_t filters() const { return units * rank; }
  explicit SvdfCase(TestRandom& random)
      : batch(random.between(1, 3)),
        inputs(random.between(1, 20)),
        units(random.between(1, 9)),
        rank(random.between(1, 3)),
        memory(random.between(1, 6)) {}
};

TEST(Svdf, FloatEqualsConvolutionOverTime) {
  for_random_cases(200, [](TestRandom& random) {
    const SvdfCase c(random);
    const int64_t f = c.filters();
    const Values feature = random.floats(f * c.inputs, -1, 1);
    const Values time = random.floats(f * c.memory, -1, 1);
    const Values bias = random.floats(c.units, -1, 1);
    const int64_t x_count = int64_t{c.batch} * c.inputs;
    const auto states = static_cast<size_t>(c.batch * f * c.memory);
    const Values x = random.floats(x_count, -1, 1);
    TestOp op(OpType::svdf, SvdfAttributes{.rank = c.rank, .activation = Activation::relu});
    op.input<float>({c.batch, c.inputs}, x);
    op.constant<float>({c.filters(), c.inputs}, feature);
    op.constant<float>({c.filters(), c.memory}, time).constant<float>({c.units}, bias);
    op.variable<float>({c.batch, c.filters() * c.memory}, Values(states));
    op.output<float>({c.batch, c.units});
    const Kernel kernel = op.prepare();
    for (int invocation = 0; invocation < 3; ++invocation) {
      op.invoke(kernel);
      std::vector<double> expected(static_cast<size_t>(c.batch) * c.units);
      for (int64_t b = 0; b < c.batch; ++b) {
        for (int64_t i = 0; i < f; ++i) {
          double product = 0;
          for (int64_t k = 0; k < c.inputs; ++k) {
            product += double{feature[i * c.inputs + k]} * x[b * c.inputs + k];
          }
          // The same product came in all invocations so far.
          for (int64_t age = 0; age <= std::min<int64_t>(invocation, c.memory - 1); ++age) {
            expected[b * c.units + i / c.rank] += product * time[i * c.memory + c.memory - 1 - age];
          }
        }
        for (int64_t u = 0; u < c.units; ++u) {
          double& y = expected[b * c.units + u];
          y = std::max(0.0, y + bias[u]);
        }
      }
      ASSERT_EQ(op.result<float>().size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(op.result<float>()[i], expected[i], 1e-4);
      }
    }
  });
}

template <class State>
void check_int_svdf(TestRandom& random) {
  const SvdfCase c(random);
  const int64_t f = c.filters();
  const auto x = random.integers<int8_t>(int64_t{c.batch} * c.inputs);
  const auto feature = random.integers<int8_t>(f * c.inputs, -127, 127);
  const auto time = random.integers<State>(f * c.memory, -100, 100);
  const auto bias = random.integers<int32_t>(c.units, -1000, 1000);
  const float state_scale = sizeof(State) == 2 ? 1.0f / 256 : 1.0f;
  const int32_t state_zero = random.between(-9, 9);
  const auto states = static_cast<size_t>(c.batch * f * c.memory);
  const auto run = [&](KernelChoice choice) {
    TestOp op(OpType::svdf, SvdfAttributes{.rank = c.rank, .activation = Activation::relu});
    const auto scale = [](float s, int64_t zero) { return Quantization::per_tensor(s, zero); };
    op.input<int8_t>({c.batch, c.inputs}, x, scale(1.0f / 64, 3));
    op.constant<int8_t>({c.filters(), c.inputs}, feature, scale(1.0f / 64, 0));
    op.constant<State>({c.filters(), c.memory}, time, scale(1.0f / 128, 0));
    op.constant<int32_t>({c.units}, bias, scale(state_scale / 128, 0));
    op.variable<State>({c.batch, c.filters() * c.memory},
                       std::vector<State>(states, static_cast<State>(state_zero)),
                       scale(state_scale, state_zero));
    op.output<int8_t>({c.batch, c.units}, scale(1.0f / 8, -2));
    const Kernel kernel = op.prepare(choice);
    op.invoke(kernel);
    op.invoke(kernel);
    return std::pair(op.result<int8_t>(), op.operand<State>(4));
  };
  const auto expected = run(KernelChoice::plain);
  for_each_target([&] { ASSERT_EQ(run(KernelChoice::fastest), expected); });
  // In real values, from the stored state.
  for (int64_t u = 0; u < int64_t{c.batch} * c.units; ++u) {
    double sum = bias[u % c.units];
    for (int64_t i = 0; i < c.rank * c.memory; ++i) {
      const int64_t at = u * c.rank * c.memory + i;
      const int64_t w = u % c.units * c.rank * c.memory + i;
      sum += static_cast<double>(time[w]) * (expected.second[at] - state_zero);
    }
    const double y = sum * state_scale / 128 * 8 - 2;
    ASSERT_TRUE(stored_right(expected.first[u], y, range_of(DataType::int8))) << y;
  }
}

TEST(Svdf, IntegersFastEqualPlainAndAreNearRealValues) {
  for_random_cases(300, check_int_svdf<int16_t>);
  for_random_cases(400, check_int_svdf<int8_t>);
}

TEST(Svdf, MalformedOperandsAreRefused) {
  const auto make = [](int32_t rank, Shape feature, Shape time, Shape bias, Shape state) {
    const auto count = [](const Shape& shape) {
      return Values(static_cast<size_t>(shape.elements()));
    };
    TestOp op(OpType::svdf, SvdfAttributes{.rank = rank});
    op.input<float>({1, 3}, Values(3)).constant<float>(feature, count(feature));
    op.constant<float>(time, count(time)).constant<float>(bias, count(bias));
    op.variable<float>(state, count(state)).output<float>({1, 2});
    return op;
  };
  make(2, {4, 3}, {4, 5}, {2}, {1, 20}).prepare();
  EXPECT_ERROR(bad_file, make(0, {4, 3}, {4, 5}, {2}, {1, 20}).prepare());
  EXPECT_ERROR(bad_file, make(-1, {4, 3}, {4, 5}, {2}, {1, 20}).prepare());
  EXPECT_ERROR(bad_file, make(3, {4, 3}, {4, 5}, {2}, {1, 20}).prepare());
  EXPECT_ERROR(bad_file, make(2, {4, 2}, {4, 5}, {2}, {1, 20}).prepare());
  EXPECT_ERROR(bad_file, make(2, {4, 3}, {3, 5}, {2}, {1, 15}).prepare());
  EXPECT_ERROR(bad_file, make(2, {4, 3}, {4, 5}, {4}, {1, 20}).prepare());
  EXPECT_ERROR(bad_file, make(2, {4, 3}, {4, 5}, {2}, {1, 19}).prepare());
  EXPECT_ERROR(bad_file, make(2, {4, 3}, {4}, {2}, {1, 20}).prepare());
  TestOp few(OpType::svdf, SvdfAttributes{.rank = 1});
  few.input<float>({1, 3}, Values(3));
  EXPECT_ERROR(bad_file, few.prepare());
}

TEST(Rnn, MalformedOperandsAreRefused) {
  const auto make = [](Shape weights, Shape recurrent, Shape bias, bool variable) {
    const auto count = [](const Shape& shape) {
      return Values(static_cast<size_t>(shape.elements()));
    };
    TestOp op(OpType::rnn, RnnAttributes{});
    op.input<float>({1, 3}, Values(3)).constant<float>(weights, count(weights));
    op.constant<float>(recurrent, count(recurrent)).constant<float>(bias, count(bias));
    variable ? op.variable<float>({1, 4}, Values(4)) : op.constant<float>({1, 4}, Values(4));
    op.output<float>({1, 4});
    return op;
  };
  make({4, 3}, {4, 4}, {4}, true).prepare();
  EXPECT_ERROR(bad_file, make({4, 2}, {4, 4}, {4}, true).prepare());
  EXPECT_ERROR(bad_file, make({4, 3}, {4, 3}, {4}, true).prepare());
  EXPECT_ERROR(bad_file, make({4, 3}, {4, 4}, {3}, true).prepare());
  EXPECT_ERROR(bad_file, make({4, 3}, {4, 4}, {4}, false).prepare());
}

TEST(Fixed16, LogisticAndTanhAreNearRealFunctions) {
  for (int32_t v = -32768; v <= 32767; v += 7) {
    const auto raw = static_cast<int16_t>(v);
    const double x = v / 4096.0;
    ASSERT_NEAR(fixed_logistic(Fixed16<3>{raw}).raw / 32768.0, 1 / (1 + std::exp(-x)), 2e-3) << v;
    ASSERT_NEAR(fixed_tanh(Fixed16<3>{raw}).raw / 32768.0, std::tanh(x), 2e-3) << v;
    ASSERT_NEAR(fixed_tanh(Fixed16<6>{raw}).raw / 32768.0, std::tanh(v / 512.0), 1e-2) << v;
  }
}

}  // namespace
}  // namespace smelt
