#include "smelt/kernels/recurrent_layer.h"

#include <cmath>

#include "smelt/kernels/test_weighted.h"

namespace smelt {
namespace {

using Values = std::vector<float>;
using Reals = std::vector<double>;

double apply(CellActivation activation, double x) {
  switch (activation) {
    case CellActivation::linear:
      return x;
    case CellActivation::tanh:
      return std::tanh(x);
    case CellActivation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case CellActivation::hard_sigmoid:
      return std::min(std::max(0.2 * x + 0.5, 0.0), 1.0);
    case CellActivation::hard_sigmoid_6:
      return std::min(std::max(x / 6 + 0.5, 0.0), 1.0);
    case CellActivation::relu:
      return std::max(x, 0.0);
    case CellActivation::relu6:
      return std::min(std::max(x, 0.0), 6.0);
    case CellActivation::leaky_relu:
      return std::max(x, 0.2 * x);
    case CellActivation::elu:
      return x > 0 ? x : std::exp(x) - 1;
    case CellActivation::selu:
      return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (std::exp(x) - 1));
    case CellActivation::softplus:
      return std::log(1 + std::exp(x));
    case CellActivation::softsign:
      return x / (1 + std::abs(x));
    case CellActivation::exponential:
      return std::exp(x);
    case CellActivation::swish:
      return x / (1 + std::exp(-x));
    case CellActivation::gelu:
      return x * std::erfc(-x / std::sqrt(2.0)) / 2;
    case CellActivation::hard_swish:
      return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
  }
  return 0;
}

/// A layer with random weights, and its formulas in double.
struct Oracle {
  RecurrentAttributes a;
  int32_t batch, time, inputs, units;
  Values x, kernel, recurrent, bias, recurrent_bias, state, cell;
  std::vector<uint8_t> mask;  ///< empty where there is none

  explicit Oracle(TestRandom& random) {
    a.cell = static_cast<RecurrentCell>(random.below(3));
    a.activation = static_cast<CellActivation>(random.below(16));
    a.recurrent_activation = static_cast<CellActivation>(random.between(2, 4));
    a.reset_after = a.cell == RecurrentCell::gru && random.below(2) != 0;
    a.return_sequences = random.below(2) != 0;
    a.go_backwards = random.below(2) != 0;
    a.zero_output_for_mask = random.below(2) != 0;
    batch = random.between(1, 3);
    time = a.activation == CellActivation::exponential ? 1 : random.between(1, 6);  // it explodes
    inputs = random.between(1, 12);
    units = random.between(1, 9);
    const int32_t n = a.gates() * units;
    x = random.floats(int64_t{batch} * time * inputs, -1, 1);
    kernel = random.floats(int64_t{n} * inputs, -0.5f, 0.5f);
    recurrent = random.floats(int64_t{n} * units, -0.3f, 0.3f);
    if (random.below(4) != 0) bias = random.floats(n, -0.5f, 0.5f);
    if (a.reset_after) recurrent_bias = random.floats(n, -0.5f, 0.5f);
    if (random.below(2) != 0) {
      state = random.floats(int64_t{batch} * units, -1, 1);
      cell = random.floats(int64_t{batch} * units, -1, 1);
    }
    for (int32_t i = 0; i < batch * time && time % 2 == 0; ++i) {
      mask.push_back(random.below(3) != 0 ? 1 : 0);
    }
  }

  double sum(const Values& w, int32_t row, const Reals& v) const {
    double total = 0;
    for (size_t i = 0; i < v.size(); ++i) total += w[row * v.size() + i] * v[i];
    return total;
  }
  double gate(int32_t g, int32_t u, const Reals& xt, const Reals& h) const {
    const int32_t row = g * units + u;
    return sum(kernel, row, xt) + (bias.empty() ? 0.0f : bias[row]) + sum(recurrent, row, h) +
           (recurrent_bias.empty() ? 0.0f : recurrent_bias[row]);
  }

  void step(const Reals& xt, Reals& h, Reals& c) const {
    const auto s = [&](double v) { return apply(a.recurrent_activation, v); };
    const auto f = [&](double v) { return apply(a.activation, v); };
    const Reals before = h;
    Reals reset(h.size());
    for (int32_t u = 0; u < units; ++u) reset[u] = s(gate(1, u, xt, before)) * before[u];
    for (int32_t u = 0; u < units; ++u) {
      const int32_t row = 2 * units + u;
      if (a.cell == RecurrentCell::simple) {
        h[u] = f(gate(0, u, xt, before));
      } else if (a.cell == RecurrentCell::lstm) {
        c[u] = s(gate(1, u, xt, before)) * c[u] +
               s(gate(0, u, xt, before)) * f(gate(2, u, xt, before));
        h[u] = s(gate(3, u, xt, before)) * f(c[u]);
      } else {
        const double from_x = sum(kernel, row, xt) + (bias.empty() ? 0.0f : bias[row]);
        const double z = s(gate(0, u, xt, before));
        const double k = a.reset_after
                             ? f(from_x + s(gate(1, u, xt, before)) *
                                              (sum(recurrent, row, before) + recurrent_bias[row]))
                             : f(from_x + sum(recurrent, row, reset));
        h[u] = z * before[u] + (1 - z) * k;
      }
    }
  }

  /// The op's results: y, h, c.
  std::array<Reals, 3> run() const {
    std::array<Reals, 3> results;
    for (int32_t b = 0; b < batch; ++b) {
      Reals h(units, 0.0), c(units, 0.0), y(units, 0.0);
      if (!state.empty()) {
        h.assign(state.begin() + b * units, state.begin() + (b + 1) * units);
        c.assign(cell.begin() + b * units, cell.begin() + (b + 1) * units);
      }
      for (int32_t i = 0; i < time; ++i) {
        const int32_t row = b * time + (a.go_backwards ? time - 1 - i : i);
        if (mask.empty() || mask[row] != 0) {
          step(Reals(x.begin() + row * inputs, x.begin() + (row + 1) * inputs), h, c);
          y = h;
        } else if (a.zero_output_for_mask) {
          y.assign(units, 0.0);
        }
        if (a.return_sequences || i == time - 1) {
          results[0].insert(results[0].end(), y.begin(), y.end());
        }
      }
      results[1].insert(results[1].end(), h.begin(), h.end());
      results[2].insert(results[2].end(), c.begin(), c.end());
    }
    return results;
  }

  void add_operands(TestOp& op, bool variables) const {
    const int32_t n = a.gates() * units;
    op.input<float>({batch, time, inputs}, x).constant<float>({n, inputs}, kernel);
    op.constant<float>({n, units}, recurrent);
    bias.empty() ? op.absent() : op.constant<float>({n}, bias);
    recurrent_bias.empty() ? op.absent() : op.constant<float>({n}, recurrent_bias);
    mask.empty() ? op.absent() : op.input_bytes(DataType::boolean, {batch, time}, mask);
    const Shape shape{batch, units};
    const Values zeros(static_cast<size_t>(batch) * units);
    for (size_t i = 0; i < a.states(); ++i) {
      const Values& values = i == 0 ? state : cell;
      if (variables) {
        op.variable<float>(shape, values.empty() ? zeros : values);
      } else {
        values.empty() ? op.absent() : op.input<float>(shape, values);
      }
    }
  }
  void add_results(TestOp& op) const {
    op.output<float>(a.return_sequences ? Shape{batch, time, units} : Shape{batch, units});
  }
};

void expect_close(const Values& got, const Reals& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], 2e-5 * (1 + std::abs(expected[i]))) << "at " << i;
  }
}

TEST(Recurrent, EqualsOracle) {
  for_random_cases(1, [](TestRandom& random) {
    const Oracle oracle(random);
    TestOp op(OpType::recurrent, oracle.a);
    oracle.add_operands(op, false);
    oracle.add_results(op);
    const bool states = random.below(2) != 0;
    for (size_t i = 0; states && i < oracle.a.states(); ++i) {
      op.output<float>({oracle.batch, oracle.units});
    }
    op.run<float>(random.below(2) ? KernelChoice::plain : KernelChoice::fastest);
    const auto expected = oracle.run();
    for (size_t i = 0; i < 1 + (states ? oracle.a.states() : 0); ++i) {
      expect_close(op.result<float>(i), expected[i]);
    }
  });
}

TEST(Recurrent, KeepsItsStatesWhereItIsStateful) {
  for_random_cases(2, [](TestRandom& random) {
    Oracle oracle(random);
    oracle.a.stateful = true;
    oracle.a.activation = CellActivation::tanh;
    TestOp op(OpType::recurrent, oracle.a);
    oracle.add_operands(op, true);
    oracle.add_results(op);
    const Kernel kernel = op.prepare();
    for (int i = 0; i < 3; ++i) {
      op.invoke(kernel);
      const auto expected = oracle.run();
      expect_close(op.result<float>(), expected[0]);
      oracle.state.assign(expected[1].begin(), expected[1].end());
      oracle.cell.assign(expected[2].begin(), expected[2].end());
    }
  });
}

TEST(Recurrent, RejectsWhatDoesNotFit) {
  const auto attempt = [](Shape kernel, Shape recurrent, Shape state, RecurrentAttributes a) {
    const auto zeros = [](const Shape& s) { return Values(static_cast<size_t>(s.elements())); };
    TestOp op(OpType::recurrent, a);
    op.input<float>({1, 2, 3}, Values(6)).constant<float>(kernel, zeros(kernel));
    op.constant<float>(recurrent, zeros(recurrent)).absent().absent().absent();
    op.input<float>(state, zeros(state)).output<float>({1, 2});
    op.prepare();
  };
  const RecurrentAttributes simple{.cell = RecurrentCell::simple};
  EXPECT_NO_THROW(attempt({2, 3}, {2, 2}, {1, 2}, simple));
  EXPECT_ERROR(bad_file, attempt({2, 4}, {2, 2}, {1, 2}, simple));
  EXPECT_ERROR(bad_file, attempt({2, 3}, {3, 2}, {1, 2}, simple));
  EXPECT_ERROR(bad_file, attempt({2, 3}, {2, 0}, {1, 2}, simple));
  EXPECT_ERROR(bad_file, attempt({2, 3}, {2, 2}, {1, 3}, simple));
  EXPECT_ERROR(bad_file, attempt({2, 3}, {2, 2}, {1, 2}, {.cell = RecurrentCell::lstm}));
  EXPECT_ERROR(bad_file,
               attempt({2, 3}, {2, 2}, {1, 2}, {.cell = RecurrentCell::simple, .stateful = true}));
}

}  // namespace
}  // namespace smelt
