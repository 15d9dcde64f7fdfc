#include "smelt/passes/lower_recurrent.h"

#include <algorithm>

#include "smelt/ir/builder.h"
#include "smelt/ir/verify.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/pipeline.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

constexpr DataType kFloat = DataType::float32;
constexpr RecurrentForm kForms[] = {RecurrentForm::fused, RecurrentForm::unroll,
                                    RecurrentForm::while_op};

/// A layer whose operands are drawn: x and initial states are inputs of the model, and so are the
/// numbers of which the sign is the mask.
struct TestLayer {
  RecurrentAttributes a;
  int32_t batch = 1, time = 5, inputs = 3, units = 4;
  bool bias = true, mask = false, initial = false, states = false;

  static TestLayer random(Random& random) {
    TestLayer layer;
    RecurrentAttributes& a = layer.a;
    const auto coin = [&] { return random.below(2) != 0; };
    a.cell = static_cast<RecurrentCell>(random.below(3));
    if (coin()) a.activation = static_cast<CellActivation>(random.below(16));
    if (coin()) a.recurrent_activation = static_cast<CellActivation>(2 + random.below(3));
    a.reset_after = a.cell == RecurrentCell::gru && coin();
    a.return_sequences = coin();
    a.go_backwards = coin();
    a.zero_output_for_mask = coin();
    a.stateful = a.activation != CellActivation::exponential && random.below(4) == 0;
    layer.batch = static_cast<int32_t>(1 + random.below(2));
    layer.time = static_cast<int32_t>(1 + random.below(6));
    if (a.activation == CellActivation::exponential) layer.time = 1;  // it explodes
    layer.bias = coin();
    layer.mask = random.below(3) == 0;
    layer.initial = !a.stateful && random.below(3) == 0;
    layer.states = coin();
    return layer;
  }

  TensorId weights(GraphBuilder& b, const char* name, Shape shape, uint64_t seed) const {
    std::vector<float> values = random_values(static_cast<size_t>(shape.elements()), seed);
    for (float& value : values) value *= 0.6f;
    return b.constant<float>(name, shape, values);
  }

  Model model() const {
    GraphBuilder b;
    const TensorId x = b.input("x", kFloat, {batch, time, inputs});
    const int32_t n = a.gates() * units;
    std::vector<TensorId> in{x, weights(b, "kernel", {n, inputs}, 1),
                             weights(b, "recurrent", {n, units}, 2),
                             bias ? weights(b, "bias", {n}, 3) : TensorId::none};
    in.push_back(bias && a.reset_after ? weights(b, "again", {n}, 4) : TensorId::none);
    in.push_back(mask ? mask_operand(b) : TensorId::none);
    for (size_t i = 0; i < a.states(); ++i) {
      if (a.stateful) {
        Tensor tensor{.name = "state" + std::to_string(i), .shape = {batch, units}};
        tensor.is_variable = true;
        in.push_back(b.tensor(std::move(tensor)));
      } else {
        in.push_back(initial ? b.input("initial" + std::to_string(i), kFloat, {batch, units})
                             : TensorId::none);
      }
    }
    std::vector<TensorId> out;
    for (size_t i = 0; i < 1 + (states ? a.states() : 0); ++i) {
      const Shape shape =
          i == 0 && a.return_sequences ? Shape{batch, time, units} : Shape{batch, units};
      out.push_back(b.tensor({.name = "y" + std::to_string(i), .type = kFloat, .shape = shape}));
      b.output(out.back());
    }
    b.op(OpType::recurrent, in, out, a, "rnn");
    return std::move(b).build_model();
  }

  TensorId mask_operand(GraphBuilder& b) const {
    const TensorId v = b.input("m", kFloat, {batch, time});
    const TensorId limit = b.constant<float>("limit", {}, {-0.7f});
    return b.op(OpType::greater, {v, limit}, NoAttributes{}, "mask", DataType::boolean,
                {batch, time});
  }
};

using Results = std::vector<std::vector<float>>;

/// All outputs of several invocations.
Results run(const Model& model, bool reset) {
  Interpreter interpreter(Program::prepare(model));
  Random random(11);
  Results results;
  for (int run = 0; run < 3; ++run) {
    if (reset) interpreter.reset();
    for (size_t i = 0; i < model.main().inputs().size(); ++i) {
      for (float& value : interpreter.input<float>(i)) value = random.uniform(-2, 2);
    }
    interpreter.invoke();
    for (size_t i = 0; i < model.main().outputs().size(); ++i) {
      const auto values = interpreter.output<float>(i);
      results.emplace_back(values.begin(), values.end());
    }
  }
  return results;
}

void expect_close(const Results& got, const Results& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].size(), expected[i].size());
    for (size_t k = 0; k < got[i].size(); ++k) {
      ASSERT_NEAR(got[i][k], expected[i][k], 5e-5 * (1 + std::abs(expected[i][k])))
          << "result " << i << " at " << k;
    }
  }
}

int count(const Model& model, OpType type) {
  int found = 0;
  for (const Graph& graph : model.graphs) {
    for (const OpId id : graph.ops()) found += graph.op(id).type == type;
  }
  return found;
}

TEST(LowerRecurrent, EveryFormComputesTheLayer) {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const TestLayer layer = TestLayer::random(random);
    const Model model = layer.model();
    const Results expected = run(model, !layer.a.stateful);
    for (const RecurrentForm form : kForms) {
      SCOPED_TRACE(name(form));
      Model lowered = model;
      EXPECT_EQ(lower_recurrent(lowered, form), 1);
      for (const Graph& graph : lowered.graphs) verify(graph);
      EXPECT_EQ(training_form_op(lowered.main()), "");
      expect_close(run(lowered, !layer.a.stateful), expected);
      Model whole = model;
      run_pipeline(whole, inference_pipeline(), {.recurrent = form});
      expect_close(run(whole, !layer.a.stateful), expected);
    }
    if (testing::Test::HasFailure()) break;
  }
}

TEST(LowerRecurrent, PlainLstmIsOneOpAndASlice) {
  TestLayer layer;
  Model model = layer.model();
  lower_recurrent(model);
  EXPECT_EQ(model.main().op_count(), 2u);
  EXPECT_EQ(count(model, OpType::unidirectional_sequence_lstm), 1);
  layer.a.return_sequences = true;
  model = layer.model();
  lower_recurrent(model);
  EXPECT_EQ(model.main().op_count(), 1u);
}

TEST(LowerRecurrent, WhatCannotBeFusedUnrollsWhileItIsShort) {
  TestLayer layer;
  layer.a.cell = RecurrentCell::gru;
  Model model = layer.model();
  lower_recurrent(model);
  EXPECT_EQ(count(model, OpType::while_), 0);
  EXPECT_LE(model.main().op_count(), kMaxUnrolledOps);
  layer.time = 100;
  model = layer.model();
  lower_recurrent(model);
  EXPECT_EQ(count(model, OpType::while_), 1);
  layer.a.unroll = true;
  model = layer.model();
  lower_recurrent(model);
  EXPECT_EQ(count(model, OpType::while_), 0);
}

TEST(LowerRecurrent, LoopsRunOverAnyLength) {
  TestLayer layer;
  layer.a.cell = RecurrentCell::gru;
  layer.a.return_sequences = true;
  Model closed = layer.model();
  Model open = closed;
  Graph& graph = open.main();
  graph.tensor(graph.inputs()[0]).shape_signature = Shape{1, -1, layer.inputs};
  EXPECT_THROW(lower_recurrent(open, RecurrentForm::unroll), Error);
  open = closed;
  Graph& again = open.main();
  again.tensor(again.inputs()[0]).shape_signature = Shape{1, -1, layer.inputs};
  lower_recurrent(open);
  EXPECT_EQ(count(open, OpType::shape), 1);
  expect_close(run(open, true), run(closed, true));
}

TEST(LowerRecurrent, RefusesWeightsThatAreComputed) {
  TestLayer layer;
  Model model = layer.model();
  Graph& graph = model.main();
  const OpId id = graph.ops()[0];
  const TensorId kernel = graph.op(id).input(1);
  graph.tensor(kernel).is_constant = false;
  graph.tensor(kernel).data = {};
  std::vector<TensorId> inputs = graph.inputs();
  inputs.push_back(kernel);
  graph.set_inputs(inputs);
  EXPECT_THROW(lower_recurrent(model), Error);
}

}  // namespace
}  // namespace smelt
