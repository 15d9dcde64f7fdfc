#include "smelt/run/program.h"

#include <gtest/gtest.h>

#include "smelt/run/profile.h"
#include "smelt/run/test_program.h"

namespace smelt {
namespace {

std::vector<float> run(const std::shared_ptr<const Program>& program,
                       const std::vector<float>& input) {
  Interpreter interpreter(program);
  std::ranges::copy(input, interpreter.input<float>(0).begin());
  interpreter.invoke();
  const auto output = interpreter.output<float>(0);
  return {output.begin(), output.end()};
}

/// y = relu(x + 1), and its negative behind it.
Model add_relu_sub() {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 3});
  const TensorId one = b.constant<float>("one", {1}, {1});
  const TensorId sum = b.op(OpType::add, {x, one}, ArithmeticAttributes{}, "sum", kFloat, {1, 3});
  const TensorId y = b.op(OpType::relu, {sum}, NoAttributes{}, "relu", kFloat, {1, 3});
  const TensorId z = b.op(OpType::sub, {one, y}, ArithmeticAttributes{}, "sub", kFloat, {1, 3});
  b.output(y);
  b.output(z);
  return std::move(b).build_model();
}

TEST(Program, RunsOpsInOrder) {
  const auto program = Program::prepare(add_relu_sub());
  ASSERT_EQ(program->steps().size(), 3u);
  Interpreter interpreter(program);
  std::ranges::copy(std::vector<float>{-5, 0, 2}, interpreter.input<float>(0).begin());
  interpreter.invoke();
  EXPECT_EQ(
      std::vector<float>(interpreter.output<float>(0).begin(), interpreter.output<float>(0).end()),
      (std::vector<float>{0, 1, 3}));
  EXPECT_EQ(
      std::vector<float>(interpreter.output<float>(1).begin(), interpreter.output<float>(1).end()),
      (std::vector<float>{1, 0, -2}));
}

TEST(Program, TensorsInTheArenaAreAligned) {
  Interpreter interpreter(Program::prepare(add_relu_sub()));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(interpreter.input_bytes(0).data()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(interpreter.output_bytes(1).data()) % 64, 0u);
}

TEST(Program, WrongElementTypeIsRefused) {
  Interpreter interpreter(Program::prepare(add_relu_sub()));
  EXPECT_EQ(error_of([&] { interpreter.input<int8_t>(0); }).kind(), ErrorKind::bad_argument);
}

TEST(Program, HookSeesEveryTensorWhenItIsComputed) {
  const auto program = Program::prepare(add_relu_sub());
  Interpreter interpreter(program);
  std::vector<int> steps;
  std::vector<float> sums;
  interpreter.set_hook([&](const Interpreter& i, int step) {
    steps.push_back(step);
    if (step != 0) return;
    const auto bytes = i.tensor_bytes(program->steps()[0].outputs[0]);
    sums.assign(reinterpret_cast<const float*>(bytes.data()),
                reinterpret_cast<const float*>(bytes.data() + bytes.size()));
  });
  std::ranges::copy(std::vector<float>{-5, 0, 2}, interpreter.input<float>(0).begin());
  interpreter.invoke();
  EXPECT_EQ(steps, (std::vector<int>{-1, 0, 1, 2}));
  EXPECT_EQ(sums, (std::vector<float>{-4, 1, 3}));
}

TEST(Program, KeepAllKeepsEveryTensor) {
  const auto program = Program::prepare(add_relu_sub(), {.keep_all = true});
  Interpreter interpreter(program);
  std::ranges::copy(std::vector<float>{-5, 0, 2}, interpreter.input<float>(0).begin());
  interpreter.invoke();
  EXPECT_EQ(interpreter.input<float>(0)[0], -5);
  const auto sum = interpreter.tensor_bytes(program->steps()[0].outputs[0]);
  EXPECT_EQ(*reinterpret_cast<const float*>(sum.data()), -4);
}

/// SHAPE, STRIDED_SLICE, PACK, RESHAPE, as the converter writes a Flatten of unknown batch.
Model flatten_by_shape() {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2, 3});
  b.graph().tensor(x).shape_signature = Shape{-1, 2, 3};
  const DataType i32 = DataType::int32;
  const TensorId shape = b.op(OpType::shape, {x}, ShapeOfAttributes{i32}, "shape", i32, {3});
  const TensorId zero = b.constant<int32_t>("zero", {1}, {0});
  const TensorId one = b.constant<int32_t>("one", {1}, {1});
  const TensorId n = b.op(OpType::strided_slice, {shape, zero, one, one},
                          StridedSliceAttributes{.shrink_axis_mask = 1}, "n", i32, {});
  const TensorId six = b.constant<int32_t>("six", {}, {6});
  const TensorId dims = b.op(OpType::pack, {n, six}, PackAttributes{2, 0}, "dims", i32, {2});
  const TensorId flat =
      b.op(OpType::reshape, {x, dims}, ReshapeAttributes{}, "flat", kFloat, {1, 6});
  b.output(b.op(OpType::relu, {flat}, NoAttributes{}, "y", kFloat, {1, 6}));
  return std::move(b).build_model();
}

TEST(Program, ComputesShapeChainsWhenItIsPrepared) {
  const auto program = Program::prepare(flatten_by_shape());
  EXPECT_EQ(program->steps().size(), 2u);
  EXPECT_EQ(run(program, {1, -2, 3, -4, 5, -6}), (std::vector<float>{1, 0, 3, 0, 5, 0}));
}

TEST(Program, ShapeChainsFollowTheBatch) {
  const Model model = flatten_by_shape();
  EXPECT_TRUE(batchable(model));
  const auto program = Program::prepare(model, {.batch = 2});
  EXPECT_EQ(program->graph().tensor(program->graph().outputs()[0]).shape, (Shape{2, 6}));
}

TEST(Program, ConstantsThatAreOutputsAndInputsThatAreOutputs) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  const TensorId c = b.constant<float>("c", {1, 2}, {7, 8});
  b.output(x);
  b.output(c);
  b.output(b.op(OpType::relu, {c}, NoAttributes{}, "r", kFloat, {1, 2}));
  Interpreter interpreter(Program::prepare(std::move(b).build_model()));
  interpreter.input<float>(0)[1] = 3;
  interpreter.invoke();
  EXPECT_EQ(interpreter.output<float>(0)[1], 3);
  EXPECT_EQ(interpreter.output<float>(1)[1], 8);
  EXPECT_EQ(interpreter.output<float>(2)[1], 8);
}

TEST(Program, ConstantInputsAreNoInputs) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  const TensorId c = b.constant<float>("c", {1, 2}, {7, 8});
  b.output(b.op(OpType::add, {x, c}, ArithmeticAttributes{}, "y", kFloat, {1, 2}));
  Model model = std::move(b).build_model();
  model.main().set_inputs({c, x});
  EXPECT_EQ(run(Program::prepare(model), {1, 1}), (std::vector<float>{8, 9}));
}

TEST(Program, VariablesKeepTheirValueUntilReset) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 1});
  const TensorId state =
      b.tensor({.name = "state", .type = kFloat, .shape = {1, 1}, .is_variable = true});
  b.output(b.op(OpType::add, {x, state}, ArithmeticAttributes{}, "y", kFloat, {1, 1}));
  const auto program = Program::prepare(std::move(b).build_model());
  Interpreter interpreter(program);
  const auto bytes = interpreter.tensor_bytes(state);
  auto* value = reinterpret_cast<float*>(const_cast<uint8_t*>(bytes.data()));
  *value = 5;
  interpreter.input<float>(0)[0] = 1;
  interpreter.invoke();
  EXPECT_EQ(interpreter.output<float>(0)[0], 6);
  interpreter.reset();
  EXPECT_EQ(*value, 0);
}

TEST(Program, ErrorsNameTheOp) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4, 4, 2});
  const TensorId w = b.constant<float>("w", {1, 3, 3, 3}, std::vector<float>(27));
  b.output(b.op(OpType::conv_2d, {x, w}, Conv2DAttributes{}, "stem", kFloat, {1, 4, 4, 1}));
  const Model model = std::move(b).build_model();
  const Error error = error_of([&] { Program::prepare(model); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_file);
  EXPECT_NE(std::string(error.what()).find("op 0 CONV_2D (layer stem)"), std::string::npos)
      << error.what();
}

TEST(Program, OpsWithoutAKernelAreUnsupported) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4});
  b.output(b.op(OpType::custom, {x}, CustomAttributes{.code = "Odd"}, "odd", kFloat, {1, 4}));
  const Model model = std::move(b).build_model();
  EXPECT_EQ(error_of([&] { Program::prepare(model); }).kind(), ErrorKind::unsupported);
}

TEST(Program, AbsurdSizesAreRefusedBeforeTheyAreAllocated) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 1});
  const TensorId dims = b.constant<int32_t>("dims", {2}, {1 << 20, 1 << 20});
  b.output(b.op(OpType::broadcast_to, {x, dims}, NoAttributes{}, "y", kFloat, {1, 1}));
  const Model model = std::move(b).build_model();
  EXPECT_EQ(error_of([&] { Program::prepare(model); }).kind(), ErrorKind::unsupported);
}

TEST(Program, ProfileCountsEveryStep) {
  const auto program = Program::prepare(add_relu_sub());
  Interpreter interpreter(program);
  StepTimer timer(*program);
  interpreter.set_hook(timer.hook());
  interpreter.invoke();
  interpreter.invoke();
  EXPECT_EQ(timer.invocations(), 2);
  EXPECT_EQ(timer.seconds().size(), 3u);
  for (const double seconds : timer.seconds()) EXPECT_GT(seconds, 0);
}

}  // namespace
}  // namespace smelt
