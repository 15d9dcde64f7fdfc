#include "smelt/run/run_samples.h"
#include "smelt/run/test_program.h"

namespace smelt {
namespace {

/// y = condition ? x + 1 : x * 3
Model if_model() {
  GraphBuilder b;
  const TensorId condition = b.input("condition", DataType::boolean, {});
  const TensorId x = b.input("x", kFloat, {1, 2});
  b.output(b.op(OpType::if_, {condition, x}, IfAttributes{1, 2}, "y", kFloat, {1, 2}));
  return model_of({std::move(b).build(),
                   with_constant(OpType::add, {1, 2}, 1.0f, ArithmeticAttributes{}),
                   with_constant(OpType::mul, {1, 2}, 3.0f, FusedAttributes{})});
}

/// True while operand 0 of a loop over i and x is less than `limit`.
Graph less_than(int32_t limit, const Shape& shape) {
  GraphBuilder b("condition");
  const TensorId i = b.input("i", kInt, {1});
  b.input("x", kFloat, shape);
  const TensorId end = b.constant<int32_t>("end", {1}, {limit});
  b.output(b.op(OpType::less, {i, end}, NoAttributes{}, "more", DataType::boolean, {1}));
  return std::move(b).build();
}

/// i, x -> i + 1, x + x
Graph count_and_double(const Shape& shape) {
  GraphBuilder b("body");
  const TensorId i = b.input("i", kInt, {1});
  const TensorId x = b.input("x", kFloat, shape);
  const TensorId one = b.constant<int32_t>("one", {1}, {1});
  b.output(b.op(OpType::add, {i, one}, ArithmeticAttributes{}, "next", kInt, {1}));
  b.output(b.op(OpType::add, {x, x}, ArithmeticAttributes{}, "twice", kFloat, shape));
  return std::move(b).build();
}

Graph loop(const Shape& shape, WhileAttributes attributes) {
  GraphBuilder b("loop");
  const TensorId i = b.input("i", kInt, {1});
  const TensorId x = b.input("x", kFloat, shape);
  const TensorId last = b.tensor({.name = "last", .type = kInt, .shape = {1}});
  const TensorId y = b.tensor({.name = "y", .type = kFloat, .shape = shape});
  b.op(OpType::while_, {i, x}, {last, y}, attributes);
  b.output(last);
  b.output(y);
  return std::move(b).build();
}

TEST(Control, IfRunsOneBranch) {
  const auto program = Program::prepare(if_model());
  EXPECT_FALSE(program->dynamic());
  EXPECT_FALSE(program->stateful());
  Interpreter interpreter(program);
  feed<float>(interpreter, 1, {1, 2});
  interpreter.input<bool>(0)[0] = true;
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{2, 3}));
  feed<float>(interpreter, 1, {1, 2});
  interpreter.input<bool>(0)[0] = false;
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{3, 6}));
}

TEST(Control, WhileRunsAsOftenAsItsConditionHolds) {
  const Model model = model_of({loop({2}, {1, 2}), less_than(1000, {2}), count_and_double({2})});
  Interpreter interpreter(Program::prepare(model));
  for (const int turns : {0, 1, 7, 100}) {
    feed<int32_t>(interpreter, 0, {1000 - turns});
    feed<float>(interpreter, 1, {1, -3});
    interpreter.invoke();
    EXPECT_EQ(output<int32_t>(interpreter), std::vector<int32_t>{1000});
    EXPECT_EQ(output<float>(interpreter, 1),
              (std::vector<float>{std::ldexp(1.0f, turns), -3 * std::ldexp(1.0f, turns)}));
  }
  feed<int32_t>(interpreter, 0, {2000});
  interpreter.invoke();
  EXPECT_EQ(output<int32_t>(interpreter), std::vector<int32_t>{2000});
}

TEST(Control, LoopsInLoops) {
  // The body of the outer loop runs a whole inner loop from 7, three turns that double x.
  GraphBuilder b("outer_body");
  const TensorId i = b.input("i", kInt, {1});
  const TensorId x = b.input("x", kFloat, {1});
  const TensorId one = b.constant<int32_t>("one", {1}, {1});
  const TensorId seven = b.constant<int32_t>("seven", {1}, {7});
  const TensorId last = b.tensor({.name = "last", .type = kInt, .shape = {1}});
  const TensorId y = b.tensor({.name = "y", .type = kFloat, .shape = {1}});
  b.op(OpType::while_, {seven, x}, {last, y}, WhileAttributes{1, 3});
  b.output(b.op(OpType::add, {i, one}, ArithmeticAttributes{}, "next", kInt, {1}));
  b.output(y);
  const Model model = model_of(
      {loop({1}, {1, 2}), less_than(10, {1}), std::move(b).build(), count_and_double({1})});
  const auto program = Program::prepare(model);
  EXPECT_EQ(program->parts().size(), 4u);  // both loops share the condition
  Interpreter interpreter(program);
  feed<int32_t>(interpreter, 0, {6});
  feed<float>(interpreter, 1, {1});
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter, 1), std::vector<float>{std::ldexp(1.0f, 4 * 3)});
}

TEST(Control, LoopsMayExchangeTheirValues) {
  GraphBuilder body("body");
  const TensorId p = body.input("p", kInt, {1});
  const TensorId q = body.input("q", kInt, {1});
  body.output(q);
  body.output(p);
  GraphBuilder condition("condition");
  const TensorId a = condition.input("a", kInt, {1});
  const TensorId c = condition.input("c", kInt, {1});
  condition.output(
      condition.op(OpType::less, {a, c}, NoAttributes{}, "less", DataType::boolean, {1}));
  GraphBuilder b;
  const TensorId x = b.input("x", kInt, {1});
  const TensorId y = b.input("y", kInt, {1});
  const TensorId u = b.tensor({.name = "u", .type = kInt, .shape = {1}});
  const TensorId v = b.tensor({.name = "v", .type = kInt, .shape = {1}});
  b.op(OpType::while_, {x, y}, {u, v}, WhileAttributes{1, 2});
  b.output(u);
  b.output(v);
  Interpreter interpreter(Program::prepare(
      model_of({std::move(b).build(), std::move(condition).build(), std::move(body).build()})));
  feed<int32_t>(interpreter, 0, {3});
  feed<int32_t>(interpreter, 1, {8});
  interpreter.invoke();
  EXPECT_EQ(output<int32_t>(interpreter, 0), std::vector<int32_t>{8});
  EXPECT_EQ(output<int32_t>(interpreter, 1), std::vector<int32_t>{3});
}

TEST(Control, CompositesRunTheirDecomposition) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {3});
  b.output(b.op(OpType::stablehlo_composite, {x},
                StablehloCompositeAttributes{.name = "odd.add", .decomposition_graph = 1}, "y",
                kFloat, {3}));
  Interpreter interpreter(Program::prepare(model_of(
      {std::move(b).build(), with_constant(OpType::add, {3}, 1.0f, ArithmeticAttributes{})})));
  feed<float>(interpreter, 0, {1, 2, 3});
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), (std::vector<float>{2, 3, 4}));
}

/// y = total of all x since the last reset, from 100; an init graph gives the 100.
Model sum_model() {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  b.op(OpType::call_once, {}, std::vector<TensorId>{}, CallOnceAttributes{1});
  const TensorId total = variable(b, "total");
  const TensorId before =
      b.op(OpType::read_variable, {total}, NoAttributes{}, "before", kFloat, {1, 2});
  const TensorId after =
      b.op(OpType::add, {before, x}, ArithmeticAttributes{}, "after", kFloat, {1, 2});
  assign(b, total, after);
  b.output(after);
  GraphBuilder init("init");
  assign(init, variable(init, "total"), init.constant<float>("c", {1, 2}, {100, 200}));
  return model_of({std::move(b).build(), std::move(init).build()});
}

TEST(Control, VariablesAreSharedAndInitializedOnceUntilReset) {
  const auto program = Program::prepare(sum_model());
  EXPECT_FALSE(program->dynamic());
  EXPECT_TRUE(program->stateful());
  EXPECT_FALSE(batchable(sum_model()));
  Interpreter interpreter(program);
  for (int round = 0; round < 2; ++round) {
    for (int i = 1; i <= 3; ++i) {
      feed<float>(interpreter, 0, {1, 2});
      interpreter.invoke();
      EXPECT_EQ(output<float>(interpreter),
                (std::vector<float>{100.0f + 1.0f * static_cast<float>(i),
                                    200.0f + 2.0f * static_cast<float>(i)}));
    }
    interpreter.reset();
  }
}

TEST(Control, SamplesStartFromFreshVariables) {
  std::vector<float> results(20);
  run_samples(
      sum_model(), 10, {.threads = 3},
      [](int64_t sample, const SampleInputs& to) {
        to.values<float>(0)[0] = static_cast<float>(sample);
        to.values<float>(0)[1] = 0;
      },
      [&](int64_t sample, const SampleOutputs& from) {
        std::ranges::copy(from.values<float>(0), results.begin() + 2 * sample);
      });
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(results[2 * i], 100 + static_cast<float>(i));
}

TEST(Control, VariablesStartFromTheZeroPointOfWhatIsAssigned) {
  const Quantization q = Quantization::per_tensor(0.5f, -7);
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::int8, {3}, q);
  const TensorId state = variable(b, "state");
  b.output(b.op(OpType::read_variable, {state}, NoAttributes{}, "before", DataType::int8, {3}, q));
  assign(b, state, x);
  Interpreter interpreter(Program::prepare(std::move(b).build_model()));
  feed<int8_t>(interpreter, 0, {1, 2, 3});
  interpreter.invoke();
  EXPECT_EQ(output<int8_t>(interpreter), (std::vector<int8_t>{-7, -7, -7}));
  interpreter.invoke();
  EXPECT_EQ(output<int8_t>(interpreter), (std::vector<int8_t>{1, 2, 3}));
}

TEST(Control, HandlesArePassedToSubgraphs) {
  GraphBuilder callee("callee");
  const TensorId handle = callee.input("handle", DataType::resource, {});
  callee.output(callee.op(OpType::read_variable, {handle}, NoAttributes{}, "value", kFloat, {1}));
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1});
  const TensorId v = variable(b, "v");
  assign(b, v, x);
  b.output(b.op(OpType::call, {v}, CallAttributes{1}, "y", kFloat, {1}));
  Interpreter interpreter(
      Program::prepare(model_of({std::move(b).build(), std::move(callee).build()})));
  feed<float>(interpreter, 0, {5});
  interpreter.invoke();
  EXPECT_EQ(output<float>(interpreter), std::vector<float>{5});
}

TEST(Control, RecursionIsRefused) {
  Model model = if_model();
  model.graphs[2] = [] {
    GraphBuilder b;
    const TensorId x = b.input("x", kFloat, {1, 2});
    b.output(b.op(OpType::call, {x}, CallAttributes{2}, "y", kFloat, {1, 2}));
    return std::move(b).build();
  }();
  EXPECT_EQ(error_of([&] { Program::prepare(model); }).kind(), ErrorKind::bad_file);

  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 2});
  b.output(b.op(OpType::call, {x}, CallAttributes{0}, "y", kFloat, {1, 2}));
  const Model self = std::move(b).build_model();
  const Error error = error_of([&] { Program::prepare(self); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_file);
  EXPECT_NE(std::string(error.what()).find("calls itself"), std::string::npos) << error.what();
}

/// The main graph of if_model with another IF, or other operands.
ErrorKind refusal(OpType type, Attributes attributes, DataType condition = DataType::boolean,
                  Shape shape = {}, bool extra = false) {
  Model model = if_model();
  GraphBuilder b;
  const TensorId c = b.input("condition", condition, std::move(shape));
  const TensorId x = b.input("x", kFloat, {1, 2});
  std::vector<TensorId> operands = {c, x};
  if (extra) operands.push_back(x);
  b.output(b.op(type, operands, std::move(attributes), "y", kFloat, {1, 2}));
  model.graphs[0] = std::move(b).build();
  return error_of([&] { Program::prepare(model); }).kind();
}

TEST(Control, MalformedCallsAreRefused) {
  const ErrorKind bad = ErrorKind::bad_file;
  EXPECT_EQ(refusal(OpType::if_, IfAttributes{1, 3}), bad);
  EXPECT_EQ(refusal(OpType::if_, IfAttributes{-1, 2}), bad);
  EXPECT_EQ(refusal(OpType::if_, IfAttributes{1, 2}, kFloat), bad);
  EXPECT_EQ(refusal(OpType::if_, IfAttributes{1, 2}, DataType::boolean, {2}), bad);
  EXPECT_EQ(refusal(OpType::if_, IfAttributes{1, 2}, DataType::boolean, {}, true), bad);
  EXPECT_EQ(refusal(OpType::while_, WhileAttributes{1, 2}), bad);
  EXPECT_EQ(refusal(OpType::call, CallAttributes{7}), bad);
}

TEST(Control, BranchesThatAreNeverTakenMustRun) {
  Model model = if_model();
  GraphBuilder b("odd");
  const TensorId x = b.input("x", kFloat, {1, 2});
  b.output(b.op(OpType::custom, {x}, CustomAttributes{.code = "Odd"}, "odd", kFloat, {1, 2}));
  model.graphs[2] = std::move(b).build();
  const Error error = error_of([&] { Program::prepare(model); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_NE(std::string(error.what()).find("CUSTOM"), std::string::npos) << error.what();
}

TEST(Control, ResultsThatTurnOutToBeOfAnotherTypeAreRefused) {
  // ADD takes the type of its operands: the body gives int32 where the file says int64.
  GraphBuilder body("body");
  const TensorId x = body.input("x", kInt, {64});
  body.output(body.op(OpType::add, {x, x}, ArithmeticAttributes{}, "sum", DataType::int64, {64}));
  GraphBuilder b;
  const TensorId y = b.input("y", kInt, {64});
  b.output(b.op(OpType::call, {y}, CallAttributes{1}, "z", DataType::int64, {64}));
  const Model model = model_of({std::move(b).build(), std::move(body).build()});
  EXPECT_EQ(error_of([&] { Program::prepare(model); }).kind(), ErrorKind::bad_file);
}

TEST(Control, VariablesOfTwoTypesAreRefused) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1});
  const TensorId v = variable(b, "v");
  assign(b, v, x);
  b.output(b.op(OpType::read_variable, {v}, NoAttributes{}, "y", kInt, {1}));
  const Model model = std::move(b).build_model();
  EXPECT_EQ(error_of([&] { Program::prepare(model); }).kind(), ErrorKind::bad_file);
}

TEST(Control, HooksSeeResultsOfControlOps) {
  const auto program = Program::prepare(if_model());
  Interpreter interpreter(program);
  std::vector<float> seen;
  interpreter.set_hook([&](const Interpreter& i, int step) {
    if (step != 0) return;
    const auto bytes = i.tensor_bytes(program->steps()[0].outputs[0]);
    const auto* values = reinterpret_cast<const float*>(bytes.data());
    seen.assign(values, values + 2);
  });
  feed<float>(interpreter, 1, {1, 2});
  interpreter.invoke();
  EXPECT_EQ(seen, (std::vector<float>{3, 6}));
}

}  // namespace
}  // namespace smelt
