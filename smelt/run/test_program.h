#pragma once

#include <gtest/gtest.h>

#include "smelt/ir/builder.h"
#include "smelt/run/interpreter.h"

// What tests of programs share.

namespace smelt {

inline constexpr DataType kFloat = DataType::float32;
inline constexpr DataType kInt = DataType::int32;

template <class Body>
Error error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorKind::internal, "");
}

inline Model model_of(std::vector<Graph> graphs) {
  Model model;
  model.graphs = std::move(graphs);
  return model;
}

template <class T>
void feed(Interpreter& interpreter, size_t index, const std::vector<T>& values) {
  const auto input = interpreter.input<T>(index);
  ASSERT_EQ(input.size(), values.size());
  std::ranges::copy(values, input.begin());
}

template <class T>
std::vector<T> output(const Interpreter& interpreter, size_t index = 0) {
  const auto values = interpreter.output<T>(index);
  return {values.begin(), values.end()};
}

/// x -> x `op` constant of one value.
template <class T>
Graph with_constant(OpType type, const Shape& shape, T constant, Attributes attributes) {
  GraphBuilder b("step");
  const TensorId x = b.input("x", data_type_of<T>, shape);
  const TensorId c = b.constant<T>("c", {1}, {constant});
  b.output(b.op(type, {x, c}, std::move(attributes), "y", data_type_of<T>, shape));
  return std::move(b).build();
}

/// The resource tensor that VAR_HANDLE gives.
inline TensorId variable(GraphBuilder& b, const std::string& name) {
  return b.op(OpType::var_handle, {}, VarHandleAttributes{.shared_name = name}, name,
              DataType::resource, {});
}

inline void assign(GraphBuilder& b, TensorId handle, TensorId value) {
  b.op(OpType::assign_variable, {handle, value}, std::vector<TensorId>{}, NoAttributes{});
}

}  // namespace smelt
