#pragma once

#include "smelt/kernels/test_lstm.h"
#include "smelt/quantize/float_models.h"

namespace smelt {

// For the tests of recurrent ops: float models of one op.

/// A state of zeros.
inline TensorId add_state(GraphBuilder& b, const std::string& name, Shape shape) {
  Tensor tensor{.name = name, .shape = std::move(shape)};
  tensor.is_variable = true;
  return b.tensor(std::move(tensor));
}

/// Constants of the cell behind each other, in the order of the op's operands.
inline std::vector<TensorId> lstm_operands(GraphBuilder& b, const TestCell& c, TensorId x) {
  std::vector<TensorId> in{x};
  const auto add = [&](const std::string& role, Shape shape, const Values& values) {
    const std::string name = fmt::format("{}{}", role, in.size());
    in.push_back(values.empty() ? TensorId::none : b.constant<float>(name, shape, values));
  };
  for (const Values& v : c.input) add("input", {c.cells, c.inputs}, v);
  for (const Values& v : c.recurrent) add("recurrent", {c.cells, c.outputs}, v);
  for (const size_t g : {0, 1, 3}) add("peephole", {c.cells}, c.peepholes[g]);
  for (const Values& v : c.bias) add("bias", {c.cells}, v);
  add("projection", {c.outputs, c.cells}, c.projection_weights);
  add("projection_bias", {c.outputs}, c.projection_bias);
  in.push_back(add_state(b, "output_state", {c.batch, c.outputs}));
  in.push_back(add_state(b, "cell_state", {c.batch, c.cells}));
  for (const Values& v : c.norms) add("norm", {c.cells}, v);
  return in;
}

/// x -> y of UNIDIRECTIONAL_SEQUENCE_LSTM.
inline Model lstm_model(const TestCell& c) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, c.lead(c.inputs));
  b.output(b.op(OpType::unidirectional_sequence_lstm, lstm_operands(b, c, x), attributes_of(c), "y",
                DataType::float32, c.lead(c.outputs)));
  return std::move(b).build_model();
}

/// A cell without optional parts, as Keras has them.
inline TestCell plain_cell(TestRandom& random) {
  TestCell c;
  do {
    c = random_cell(random);
  } while (c.coupled || c.peephole || c.norm || c.projection);
  c.batch = 1;
  return c;
}

/// x [N,4] -> y [N,3] of SVDF with rank 2 and a memory of 5.
inline Model svdf_model(bool bias, Activation activation) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 4});
  const TensorId feature = b.constant<float>("feature", {6, 4}, random_values(24, 1));
  const TensorId time = b.constant<float>("time", {6, 5}, random_values(30, 2));
  const TensorId add = bias ? b.constant<float>("bias", {3}, random_values(3, 3)) : TensorId::none;
  const TensorId state = add_state(b, "state", {1, 30});
  b.output(b.op(OpType::svdf, {x, feature, time, add, state},
                SvdfAttributes{.rank = 2, .activation = activation}, "y", DataType::float32,
                {1, 3}));
  return std::move(b).build_model();
}

/// x -> y of a layer in training form, as importers make it.
inline Model recurrent_layer(RecurrentAttributes a, int32_t time, int32_t inputs, int32_t units) {
  GraphBuilder b;
  const int32_t rows = a.gates() * units;
  const auto weights = [&](const char* name, Shape shape, uint64_t seed) {
    return b.constant<float>(name, shape,
                             random_values(static_cast<size_t>(shape.elements()), seed, 0.6f));
  };
  std::vector<TensorId> in{b.input("x", DataType::float32, {1, time, inputs}),
                           weights("kernel", {rows, inputs}, 1),
                           weights("recurrent", {rows, units}, 2), weights("bias", {rows}, 3)};
  in.push_back(a.reset_after ? weights("recurrent_bias", {rows}, 4) : TensorId::none);
  in.resize(8, TensorId::none);
  const Shape y = a.return_sequences ? Shape{1, time, units} : Shape{1, units};
  const TensorId result = b.tensor({.name = "y", .shape = y});
  b.op(OpType::recurrent, in, {result}, a, "layer");
  b.output(result);
  return std::move(b).build_model();
}

}  // namespace smelt
