#include "smelt/kernels/test_lstm.h"

namespace smelt {
namespace {

/// float32 weights as constants, or as int8 with a scale that their largest value makes 127.
struct FloatWeights {
  TestOp& op;
  TestOp& operator()(Shape shape, const Values& v) const {
    return op.constant<float>(std::move(shape), v);
  }
};

struct Int8Weights {
  TestOp& op;
  TestOp& operator()(Shape shape, const Values& v) const {
    const float scale = scale_for(v);
    std::vector<int8_t> stored;
    for (const float value : v) stored.push_back(static_cast<int8_t>(std::round(value / scale)));
    return op.constant<int8_t>(std::move(shape), stored, Quantization::per_tensor(scale, 0));
  }
  static float scale_for(const Values& v) {
    float most = 1e-3f;
    for (const float value : v) most = std::max(most, std::abs(value));
    return most / 127;
  }
};

template <class Weights>
TestOp sequence_op(const TestCell& c, const Values& x, bool asymmetric = false) {
  SequenceLstmAttributes a = attributes_of(c);
  a.asymmetric_quantize_inputs = asymmetric;
  TestOp op(OpType::unidirectional_sequence_lstm, a);
  op.input<float>(c.lead(c.inputs), x);
  add_cell(op, c, Weights{op});
  op.output<float>(c.lead(c.outputs));
  return op;
}

void expect_close(const Values& got, const std::vector<double>& expected, double bound) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], bound) << "at " << i;
}

void check_float(const TestCell& c, const Values& x, KernelChoice choice) {
  TestOp op = sequence_op<FloatWeights>(c, x);
  const Kernel kernel = op.prepare(choice);
  CellOracle oracle(c);
  for (int invocation = 0; invocation < 2; ++invocation) {
    op.invoke(kernel);
    // Normalization divides by a deviation that may be small.
    expect_close(op.result<float>(), oracle.run(x), c.norm ? 2e-4 : 2e-5);
  }
  expect_close(op.operand<float>(19), oracle.cell_state, c.norm ? 4e-4 : 4e-5);
}

TEST(SequenceLstm, FloatEqualsOracleAndKeepsItsState) {
  for_random_cases(1, [](TestRandom& random) {
    const TestCell c = random_cell(random);
    const Values x = random.floats(c.x_values(), -1, 1);
    check_float(c, x, KernelChoice::plain);
    for_each_target([&] { check_float(c, x, KernelChoice::fastest); });
  });
}

TEST(SequenceLstm, HybridFastEqualsPlainAndIsNearFloat) {
  for_random_cases(100, [](TestRandom& random) {
    TestCell c = random_cell(random);
    c.norm = false;  // it enlarges the error of 8 bits without bound
    c.norms = {};
    const Values x = random.floats(c.x_values(), -1, 1);
    const bool asymmetric = random.below(2) != 0;
    for_each_target([&] {
      TestOp plain = sequence_op<Int8Weights>(c, x, asymmetric);
      TestOp fast = sequence_op<Int8Weights>(c, x, asymmetric);
      const Values y = fast.run<float>();
      ASSERT_EQ(y, plain.run<float>(KernelChoice::plain));
      expect_close(y, CellOracle(c).run(x), 0.15);
    });
  });
}

TEST(SequenceLstm, DiagonalRecurrentWeights) {
  TestRandom random(7);
  TestCell c;
  c.time = 3;
  c.inputs = 4;
  c.cells = c.outputs = 5;
  TestOp op(OpType::unidirectional_sequence_lstm, attributes_of(c));
  const Values x = random.floats(c.x_values(), -1, 1);
  op.input<float>(c.lead(c.inputs), x);
  for (size_t g = 0; g < 4; ++g) c.input[g] = random.floats(20, -1, 1);
  for (size_t g = 0; g < 4; ++g) op.constant<float>({5, 4}, c.input[g]);
  for (size_t g = 0; g < 4; ++g) {
    const Values diagonal = random.floats(5, -1, 1);
    op.constant<float>({5}, diagonal);
    c.recurrent[g].resize(25);
    for (size_t i = 0; i < 5; ++i) c.recurrent[g][i * 6] = diagonal[i];
  }
  op.absent().absent().absent();
  for (size_t g = 0; g < 4; ++g) {
    c.bias[g] = random.floats(5, -1, 1);
    op.constant<float>({5}, c.bias[g]);
  }
  op.absent().absent().variable<float>({1, 5}, Values(5)).variable<float>({1, 5}, Values(5));
  op.output<float>(c.lead(c.outputs));
  expect_close(op.run<float>(), CellOracle(c).run(x), 2e-5);
}

/// One cell of an int8 or int16 LSTM without optional parts, whose real values the oracle knows.
template <class T>
struct IntCase {
  static constexpr bool kWide = sizeof(T) == 2;
  TestCell c;
  Values x;
  std::vector<T> stored;
  Quantization x_scale =
      kWide ? Quantization::per_tensor(1.0f / 16384, 0) : Quantization::per_tensor(1.0f / 64, 5);
  Quantization y_scale =
      kWide ? Quantization::per_tensor(1.0f / 32768, 0) : Quantization::per_tensor(1.0f / 128, -3);

  explicit IntCase(TestRandom& random) : c(random_cell(random)) {
    c.coupled = c.peephole = c.norm = c.projection = false;
    c.peepholes = c.norms = {};
    c.outputs = c.cells;
    stored = random.integers<T>(c.x_values());
    for (const T v : stored) {
      x.push_back(x_scale.scale[0] * static_cast<float>(v - x_scale.zero_point[0]));
    }
    for (size_t g = 0; g < 4; ++g) {
      c.input[g] = random.floats(int64_t{c.cells} * c.inputs, -0.5f, 0.5f);
      c.recurrent[g] = random.floats(int64_t{c.cells} * c.cells, -0.5f, 0.5f);
      c.bias[g] = random.floats(c.cells, -0.5f, 0.5f);
    }
  }

  TestOp op(size_t operands = 24) const {
    TestOp op(OpType::unidirectional_sequence_lstm, attributes_of(c));
    op.input<T>(c.lead(c.inputs), stored, x_scale);
    const Int8Weights weights{op};
    for (size_t g = 0; g < 4; ++g) weights({c.cells, c.inputs}, c.input[g]);
    for (size_t g = 0; g < 4; ++g) weights({c.cells, c.cells}, c.recurrent[g]);
    op.absent().absent().absent();
    using Bias = std::conditional_t<kWide, int64_t, int32_t>;
    for (size_t g = 0; g < 4; ++g) {
      const float scale = x_scale.scale[0] * Int8Weights::scale_for(c.input[g]);
      std::vector<Bias> bias;
      for (const float v : c.bias[g]) bias.push_back(static_cast<Bias>(std::round(v / scale)));
      op.constant<Bias>({c.cells}, bias, Quantization::per_tensor(scale, 0));
    }
    const auto states = static_cast<size_t>(c.batch) * c.cells;
    const auto zero = static_cast<T>(y_scale.zero_point[0]);
    op.absent().absent().template variable<T>({c.batch, c.cells}, std::vector<T>(states, zero),
                                              y_scale);
    op.template variable<int16_t>({c.batch, c.cells}, std::vector<int16_t>(states),
                                  Quantization::per_tensor(1.0f / 2048, 0));
    for (size_t i = 20; i < operands; ++i) op.absent();
    op.template output<T>(c.lead(c.cells), y_scale);
    for (int i = 0; i < 4; ++i) {
      op.intermediate(DataType::int16, Quantization::per_tensor(1.0f / 4096, 0));
    }
    op.intermediate(DataType::int8, y_scale);
    return op;
  }

  /// `bound`: of the error in real values.
  void check(size_t operands, double bound) const {
    TestOp plain = op(operands);
    const std::vector<T> expected = plain.template run<T>(KernelChoice::plain);
    const std::vector<double> real = CellOracle(c).run(x);
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto value = static_cast<double>(expected[i] - y_scale.zero_point[0]);
      ASSERT_NEAR(value * y_scale.scale[0], real[i], bound) << "at " << i;
    }
    for_each_target([&] {
      TestOp fast = op(operands);
      ASSERT_EQ(fast.template run<T>(), expected);
      ASSERT_EQ(fast.template operand<int16_t>(19), plain.template operand<int16_t>(19));
    });
  }
};

TEST(SequenceLstm, Int8IsNearRealValuesAndFastEqualsPlain) {
  for_random_cases(200, [](TestRandom& random) { IntCase<int8_t>(random).check(24, 0.08); });
}
TEST(SequenceLstm, Int8WithIntermediateScalesIsNearRealValues) {
  for_random_cases(300, [](TestRandom& random) { IntCase<int8_t>(random).check(20, 0.08); });
}
TEST(SequenceLstm, Int16IsNearRealValues) {
  for_random_cases(400, [](TestRandom& random) { IntCase<int16_t>(random).check(24, 0.05); });
}

TEST(Lstm, OneStepEqualsOracle) {
  for_random_cases(500, [](TestRandom& random) {
    TestCell c = random_cell(random);
    c.time = 1;
    const Values x = random.floats(c.x_values(), -1, 1);
    TestOp op(OpType::lstm, LstmAttributes{.activation = Activation::tanh,
                                           .cell_clip = c.cell_clip,
                                           .proj_clip = c.proj_clip});
    op.input<float>({c.batch, c.inputs}, x);
    add_cell(op, c, FloatWeights{op});
    op.output<float>({c.batch, c.outputs});
    expect_close(op.run<float>(), CellOracle(c).run(x), c.norm ? 2e-4 : 2e-5);
  });
}

TEST(Lstm, BasicFormKeepsOutputAndState) {
  TestRandom random(600);
  TestCell c;
  c.batch = 2;
  c.inputs = 3;
  c.cells = c.outputs = 4;
  const Values x = random.floats(c.x_values(), -1, 1);
  const Values weights = random.floats(16 * 7, -1, 1), bias = random.floats(16, -1, 1);
  const std::array<size_t, 4> parts = {0, 2, 1, 3};  // rows: input, candidate, forget, output
  for (size_t g = 0; g < 4; ++g) {
    for (size_t n = 0; n < 4; ++n) {
      const auto row = weights.begin() + static_cast<std::ptrdiff_t>((parts[g] * 4 + n) * 7);
      c.input[g].insert(c.input[g].end(), row, row + 3);
      c.recurrent[g].insert(c.recurrent[g].end(), row + 3, row + 7);
      c.bias[g].push_back(bias[parts[g] * 4 + n]);
    }
  }
  TestOp op(OpType::lstm, LstmAttributes{.activation = Activation::tanh, .basic = true});
  op.input<float>({2, 3}, x).variable<float>({2, 4}, Values(8));
  op.constant<float>({16, 7}, weights).constant<float>({16}, bias);
  op.variable<float>({2, 4}, Values(8));
  op.output<float>({2, 4}).output<float>({2, 4}).output<float>({2, 7}).output<float>({2, 16});
  const Kernel kernel = op.prepare();
  CellOracle oracle(c);
  for (int invocation = 0; invocation < 3; ++invocation) {
    op.invoke(kernel);
    expect_close(op.result<float>(), oracle.run(x), 2e-5);
    expect_close(op.result<float>(1), oracle.cell_state, 2e-5);
  }
}

/// Two cells without projection or normalization.
TEST(BidirectionalLstm, EqualsTwoCellsOneOfThemFromTheEnd) {
  for_random_cases(700, [](TestRandom& random) {
    TestCell first = random_cell(random);
    first.norm = first.projection = false;
    first.norms = {};
    first.projection_weights = first.projection_bias = {};
    first.outputs = first.cells;
    for (size_t g = first.first(); g < 4; ++g) {
      first.recurrent[g] = random.floats(int64_t{first.cells} * first.cells, -0.5f, 0.5f);
    }
    TestCell second = first;
    for (size_t g = first.first(); g < 4; ++g) random.shuffle(second.input[g]);
    const bool merge = random.below(2) != 0;
    const Values x = random.floats(first.x_values(), -1, 1);
    TestOp op(OpType::bidirectional_sequence_lstm,
              BidirectionalLstmAttributes{.activation = Activation::tanh,
                                          .cell_clip = first.cell_clip,
                                          .merge_outputs = merge,
                                          .time_major = first.time_major});
    op.input<float>(first.lead(first.inputs), x);
    const auto add_weights = [&](const TestCell& c) {
      const auto add = [&](Shape shape, const Values& v) {
        v.empty() ? op.absent() : op.constant<float>(std::move(shape), v);
      };
      for (const Values& v : c.input) add({c.cells, c.inputs}, v);
      for (const Values& v : c.recurrent) add({c.cells, c.cells}, v);
      for (const size_t g : {0, 1, 3}) add({c.cells}, c.peepholes[g]);
      for (const Values& v : c.bias) add({c.cells}, v);
      op.absent().absent();
    };
    add_weights(first);
    add_weights(second);
    for (int i = 0; i < 4; ++i) {
      op.variable<float>({first.batch, first.cells},
                         Values(static_cast<size_t>(first.batch) * first.cells));
    }
    for (int i = 0; i < 9; ++i) op.absent();
    op.output<float>(first.lead(merge ? 2 * first.cells : first.cells));
    if (!merge) op.output<float>(first.lead(first.cells));
    op.invoke(op.prepare());

    const auto backwards = [&](const auto& values, int64_t width) {
      auto reversed = values;
      for (int64_t t = 0; t < first.time; ++t) {
        for (int64_t b = 0; b < first.batch; ++b) {
          std::copy_n(values.begin() + first.row(t, b) * width, width,
                      reversed.begin() + first.row(first.time - 1 - t, b) * width);
        }
      }
      return reversed;
    };
    const auto forward = CellOracle(first).run(x);
    const auto backward =
        backwards(CellOracle(second).run(backwards(x, first.inputs)), first.cells);
    if (!merge) {
      expect_close(op.result<float>(0), forward, 2e-5);
      expect_close(op.result<float>(1), backward, 2e-5);
      return;
    }
    std::vector<double> merged;
    for (size_t i = 0; i < forward.size(); i += static_cast<size_t>(first.cells)) {
      const auto at = static_cast<std::ptrdiff_t>(i);
      merged.insert(merged.end(), forward.begin() + at, forward.begin() + at + first.cells);
      merged.insert(merged.end(), backward.begin() + at, backward.begin() + at + first.cells);
    }
    expect_close(op.result<float>(), merged, 2e-5);
  });
}

/// A plain cell of 2 inputs and 3 cells whose operand i is left out or replaced.
template <class Replace>
TestOp damaged(size_t position, Replace&& replace) {
  TestOp op(OpType::unidirectional_sequence_lstm,
            SequenceLstmAttributes{.activation = Activation::tanh});
  for (size_t i = 0; i < 24; ++i) {
    if (i == position) {
      replace(op);
    } else if (i == 0) {
      op.input<float>({1, 2, 2}, Values(4));
    } else if (i <= 4) {
      op.constant<float>({3, 2}, Values(6));
    } else if (i <= 8) {
      op.constant<float>({3, 3}, Values(9));
    } else if (i >= 12 && i <= 15) {
      op.constant<float>({3}, Values(3));
    } else if (i == 18 || i == 19) {
      op.variable<float>({1, 3}, Values(3));
    } else {
      op.absent();
    }
  }
  op.output<float>({1, 2, 3});
  return op;
}

TEST(SequenceLstm, MalformedOperandsAreRefused) {
  damaged(24, [](TestOp&) {}).prepare();
  const auto absent = [](TestOp& op) { op.absent(); };
  for (const size_t i : {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 18, 19}) {
    SCOPED_TRACE(i);
    EXPECT_ERROR(bad_file, damaged(i, absent).prepare());
  }
  const auto wrong = [](TestOp& op) { op.constant<float>({2, 5}, Values(10)); };
  for (const size_t i : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23}) {
    EXPECT_ERROR(bad_file, damaged(i, wrong).prepare());
  }
  const auto small_state = [](TestOp& op) { op.variable<float>({1, 2}, Values(2)); };
  const auto constant_state = [](TestOp& op) { op.constant<float>({1, 3}, Values(3)); };
  const auto integer_state = [](TestOp& op) {
    op.variable<int16_t>({1, 3}, std::vector<int16_t>(3));
  };
  for (const size_t i : {18, 19}) {
    EXPECT_ERROR(bad_file, damaged(i, small_state).prepare());
    EXPECT_ERROR(bad_file, damaged(i, constant_state).prepare());
    EXPECT_ERROR(unsupported, damaged(i, integer_state).prepare());
  }
  const auto rank_2 = [](TestOp& op) { op.input<float>({2, 2}, Values(4)); };
  EXPECT_ERROR(bad_file, damaged(0, rank_2).prepare());
  const auto empty = [](TestOp& op) { op.input<float>({1, 2, 0}, Values()); };
  EXPECT_ERROR(bad_file, damaged(0, empty).prepare());
}

TEST(SequenceLstm, WrongCountsAndBoundsAreRefused) {
  TestOp few(OpType::unidirectional_sequence_lstm, SequenceLstmAttributes{});
  few.input<float>({1, 1, 1}, {0});
  EXPECT_ERROR(bad_file, few.prepare());
  TestRandom random(800);
  TestCell c = random_cell(random);
  c.cell_clip = -1;
  EXPECT_ERROR(bad_file, sequence_op<FloatWeights>(c, Values(c.x_values())).prepare());
  IntCase<int8_t> integers(random);
  EXPECT_ERROR(bad_file, integers.op(22).prepare());
  TestOp without(OpType::bidirectional_sequence_lstm, BidirectionalLstmAttributes{});
  without.input<float>({1, 1, 1}, {0});
  EXPECT_ERROR(bad_file, without.prepare());
  TestOp basic(OpType::lstm, LstmAttributes{.basic = true});
  basic.input<float>({1, 1}, {0});
  EXPECT_ERROR(bad_file, basic.prepare());
}

}  // namespace
}  // namespace smelt
