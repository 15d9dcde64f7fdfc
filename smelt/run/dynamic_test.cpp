#include <atomic>

#include "smelt/run/run_samples.h"
#include "smelt/run/test_program.h"

namespace smelt {
namespace {

/// y = fill(dims, x), r = reshape(y, [-1]) + 1: shapes come from values of an input.
Model fill_model() {
  GraphBuilder b;
  const TensorId dims = b.input("dims", kInt, {2});
  const TensorId x = b.input("x", kFloat, {});
  const TensorId y = b.op(OpType::fill, {dims, x}, NoAttributes{}, "y", kFloat, {1, 1});
  const TensorId flat = b.constant<int32_t>("flat", {1}, {-1});
  const TensorId r = b.op(OpType::reshape, {y, flat}, ReshapeAttributes{}, "r", kFloat, {1});
  const TensorId one = b.constant<float>("one", {1}, {1});
  b.output(b.op(OpType::add, {r, one}, ArithmeticAttributes{}, "sum", kFloat, {1}));
  return std::move(b).build_model();
}

TEST(Dynamic, ShapesFollowFromValues) {
  const auto program = Program::prepare(fill_model());
  EXPECT_TRUE(program->dynamic());
  EXPECT_FALSE(batchable(fill_model()));
  Interpreter interpreter(program);
  EXPECT_EQ(error_of([&] { interpreter.output_bytes(0); }).kind(), ErrorKind::bad_argument);
  for (const int n : {3, 1, 0, 3, 5}) {
    feed<int32_t>(interpreter, 0, {n, 2});
    feed<float>(interpreter, 1, {7});
    interpreter.invoke();
    EXPECT_EQ(interpreter.output_shape(0), Shape{2 * n});
    EXPECT_EQ(output<float>(interpreter), std::vector<float>(static_cast<size_t>(2 * n), 8.0f));
  }
}

TEST(Dynamic, BadValuesAndHugeResultsAreRefusedWhenTheyCome) {
  Interpreter interpreter(Program::prepare(fill_model(), {.max_arena_bytes = 1 << 20}));
  feed<int32_t>(interpreter, 0, {-3, 2});
  const Error negative = error_of([&] { interpreter.invoke(); });
  EXPECT_EQ(negative.kind(), ErrorKind::bad_file);
  EXPECT_NE(std::string(negative.what()).find("FILL"), std::string::npos) << negative.what();
  feed<int32_t>(interpreter, 0, {1 << 20, 1 << 20});
  EXPECT_EQ(error_of([&] { interpreter.invoke(); }).kind(), ErrorKind::unsupported);
  feed<int32_t>(interpreter, 0, {INT32_MAX, INT32_MAX});
  error_of([&] { interpreter.invoke(); });
  feed<int32_t>(interpreter, 0, {2, 2});
  for (int i = 0; i < 1000; ++i) interpreter.invoke();  // memory of results is given back
  EXPECT_EQ(interpreter.output_shape(0), Shape{4});
}

TEST(Dynamic, ReshapeToAComputedShape) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {2, 6});
  const TensorId dims = b.input("dims", kInt, {2});
  const TensorId two = b.constant<int32_t>("two", {1}, {1});
  const TensorId wanted = b.op(OpType::mul, {dims, two}, FusedAttributes{}, "wanted", kInt, {2});
  b.output(b.op(OpType::reshape, {x, wanted}, ReshapeAttributes{}, "y", kFloat, {2, 6}));
  Interpreter interpreter(Program::prepare(std::move(b).build_model()));
  feed<float>(interpreter, 0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  feed<int32_t>(interpreter, 1, {3, -1});
  interpreter.invoke();
  EXPECT_EQ(interpreter.output_shape(0), (Shape{3, 4}));
  EXPECT_EQ(output<float>(interpreter)[11], 11);
  feed<int32_t>(interpreter, 1, {5, -1});
  EXPECT_EQ(error_of([&] { interpreter.invoke(); }).kind(), ErrorKind::bad_file);
}

TEST(Dynamic, SliceOfComputedSize) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {6});
  const TensorId begin = b.input("begin", kInt, {1});
  const TensorId size = b.input("size", kInt, {1});
  b.output(b.op(OpType::slice, {x, begin, size}, NoAttributes{}, "y", kFloat, {1}));
  Interpreter interpreter(Program::prepare(std::move(b).build_model()));
  feed<float>(interpreter, 0, {0, 1, 2, 3, 4, 5});
  feed<int32_t>(interpreter, 1, {2});
  feed<int32_t>(interpreter, 2, {3});
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{2, 3, 4}));
  feed<int32_t>(interpreter, 1, {4});
  feed<int32_t>(interpreter, 2, {-1});
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{4, 5}));
  feed<int32_t>(interpreter, 1, {5});
  feed<int32_t>(interpreter, 2, {2});
  EXPECT_EQ(error_of([&] { interpreter.invoke(); }).kind(), ErrorKind::bad_file);
}

TEST(Dynamic, SliceOfFixedSizeIsStatic) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {6});
  const TensorId begin = b.input("begin", kInt, {1});
  const TensorId size = b.constant<int32_t>("size", {1}, {2});
  b.output(b.op(OpType::slice, {x, begin, size}, NoAttributes{}, "y", kFloat, {2}));
  const auto program = Program::prepare(std::move(b).build_model());
  EXPECT_FALSE(program->dynamic());
  Interpreter interpreter(program);
  feed<float>(interpreter, 0, {0, 1, 2, 3, 4, 5});
  feed<int32_t>(interpreter, 1, {3});
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{3, 4}));
}

/// Kernels that take an axis or paddings as constants get the values at hand.
TEST(Dynamic, KernelsThatNeedValues) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  const TensorId cells = b.input("cells", kInt, {2, 2});
  b.output(b.op(OpType::pad, {x, cells}, NoAttributes{}, "y", kFloat, {1, 2}));
  Interpreter interpreter(Program::prepare(std::move(b).build_model()));
  feed<float>(interpreter, 0, {1, 2});
  for (int round = 0; round < 2; ++round) {
    feed<int32_t>(interpreter, 1, {0, 0, 1, 2});
    interpreter.invoke();
    EXPECT_EQ(output<float>(interpreter), (std::vector<float>{0, 1, 2, 0, 0}));
    feed<int32_t>(interpreter, 1, {0, 0, 2, 1});
    interpreter.invoke();
    EXPECT_EQ(output<float>(interpreter), (std::vector<float>{0, 0, 1, 2, 0}));
  }
}

/// i, x -> i + 1, concat(x, x) until i is 4.
TEST(Dynamic, LoopsMayGrowTheirValues) {
  GraphBuilder condition("condition");
  const TensorId ci = condition.input("i", kInt, {});
  condition.input("x", kFloat, {1});
  const TensorId end = condition.constant<int32_t>("end", {}, {4});
  condition.output(
      condition.op(OpType::less, {ci, end}, NoAttributes{}, "more", DataType::boolean, {}));
  GraphBuilder body("body");
  const TensorId bi = body.input("i", kInt, {});
  const TensorId bx = body.input("x", kFloat, {1});
  const TensorId one = body.constant<int32_t>("one", {}, {1});
  body.output(body.op(OpType::add, {bi, one}, ArithmeticAttributes{}, "next", kInt, {}));
  body.output(body.op(OpType::concatenation, {bx, bx}, ConcatenationAttributes{.axis = 0}, "twice",
                      kFloat, {2}));
  GraphBuilder b;
  const TensorId i = b.input("i", kInt, {});
  const TensorId x = b.input("x", kFloat, {1});
  const TensorId last = b.tensor({.name = "last", .type = kInt, .shape = {}});
  const TensorId y = b.tensor({.name = "y", .type = kFloat, .shape = {1}});
  b.op(OpType::while_, {i, x}, {last, y}, WhileAttributes{1, 2});
  b.output(y);
  const auto program = Program::prepare(
      model_of({std::move(b).build(), std::move(condition).build(), std::move(body).build()}));
  EXPECT_TRUE(program->dynamic());
  Interpreter interpreter(program);
  for (const int turns : {4, 0, 2}) {
    feed<int32_t>(interpreter, 0, {4 - turns});
    feed<float>(interpreter, 1, {3});
    interpreter.invoke();
    EXPECT_EQ(output<float>(interpreter), std::vector<float>(size_t{1} << turns, 3.0f));
  }
}

TEST(Dynamic, BranchesMayGiveDifferentShapes) {
  GraphBuilder same("same");
  same.output(same.input("x", kFloat, {2}));
  GraphBuilder twice("twice");
  const TensorId tx = twice.input("x", kFloat, {2});
  twice.output(twice.op(OpType::concatenation, {tx, tx}, ConcatenationAttributes{.axis = 0}, "y",
                        kFloat, {4}));
  GraphBuilder b;
  const TensorId condition = b.input("condition", DataType::boolean, {1});
  const TensorId x = b.input("x", kFloat, {2});
  const TensorId y = b.op(OpType::if_, {condition, x}, IfAttributes{1, 2}, "y", kFloat, {2});
  b.output(b.op(OpType::neg, {y}, NoAttributes{}, "z", kFloat, {2}));
  Interpreter interpreter(Program::prepare(
      model_of({std::move(b).build(), std::move(same).build(), std::move(twice).build()})));
  feed<float>(interpreter, 1, {1, 2});
  interpreter.input<bool>(0)[0] = true;
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{-1, -2}));
  interpreter.input<bool>(0)[0] = false;
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{-1, -2, -1, -2}));
}

/// A variable that holds all that was given: value = concat(value, x).
Model history_model() {
  GraphBuilder init("init");
  assign(init, variable(init, "history"), init.constant<float>("c", {1}, {0}));
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1});
  b.op(OpType::call_once, {}, std::vector<TensorId>{}, CallOnceAttributes{1});
  const TensorId history = variable(b, "history");
  const TensorId before =
      b.op(OpType::read_variable, {history}, NoAttributes{}, "before", kFloat, {1});
  const TensorId after = b.op(OpType::concatenation, {before, x},
                              ConcatenationAttributes{.axis = 0}, "after", kFloat, {2});
  assign(b, history, after);
  b.output(after);
  return model_of({std::move(b).build(), std::move(init).build()});
}

TEST(Dynamic, VariablesMayGrowUntilReset) {
  Interpreter interpreter(Program::prepare(history_model()));
  for (int round = 0; round < 2; ++round) {
    feed<float>(interpreter, 0, {5});
    interpreter.invoke();
    EXPECT_EQ(output<float>(interpreter), (std::vector<float>{0, 5}));
    feed<float>(interpreter, 0, {6});
    interpreter.invoke();
    EXPECT_EQ(output<float>(interpreter), (std::vector<float>{0, 5, 6}));
    interpreter.reset();
  }
}

TEST(Dynamic, SamplesRunInParallel) {
  std::atomic<int64_t> elements{0}, hooks{0};
  SampleRunOptions options{.threads = 3};
  options.hook = [&](const SampleHookArgs& args) { hooks += args.step >= 0; };
  run_samples(
      fill_model(), 20, options,
      [](int64_t sample, const SampleInputs& to) {
        to.values<int32_t>(0)[0] = static_cast<int32_t>(sample);
        to.values<int32_t>(0)[1] = 1;
      },
      [&](int64_t sample, const SampleOutputs& from) {
        EXPECT_EQ(from.shape(0), Shape{static_cast<int32_t>(sample)});
        elements += static_cast<int64_t>(from.values<float>(0).size());
      });
  EXPECT_EQ(elements, 190);
  EXPECT_EQ(hooks, 60);
}

TEST(Dynamic, OpsWithoutAKernelAreRefusedWhenPrepared) {
  Model model = fill_model();
  Graph& graph = model.main();
  const TensorId odd = graph.add_tensor({.name = "odd", .type = kFloat, .shape = {1}});
  graph.add_op({.type = OpType::custom,
                .inputs = {graph.outputs()[0]},
                .outputs = {odd},
                .attributes = CustomAttributes{.code = "Odd"}});
  graph.set_outputs({odd});
  EXPECT_EQ(error_of([&] { Program::prepare(model); }).kind(), ErrorKind::unsupported);
}

}  // namespace
}  // namespace smelt
