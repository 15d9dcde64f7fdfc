#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "smelt/base/random.h"
#include "smelt/formats/tensorflow/test_graph.h"
#include "smelt/ir/verify.h"
#include "smelt/run/interpreter.h"

namespace smelt::tensorflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<float> run(const Model& model, const std::vector<float>& values) {
  Interpreter interpreter(Program::prepare(model));
  std::copy(values.begin(), values.end(), interpreter.input<float>(0).begin());
  interpreter.invoke();
  const auto y = interpreter.output<float>(0);
  return {y.begin(), y.end()};
}

std::vector<OpType> types(const Graph& graph) {
  std::vector<OpType> result;
  for (const OpId id : graph.ops()) result.push_back(graph.op(id).type);
  return result;
}

std::string error_of(const TestGraph& graph) {
  try {
    graph.load();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// y = x w + b with w [3,2].
TestGraph dense() {
  TestGraph g;
  g.placeholder("x", {-1, 3});
  g.constant<float>("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  g.constant<float>("b", {2}, {10, 20});
  g.node("dense/MatMul", "MatMul", {"x", "w"});
  g.node("dense/BiasAdd", "BiasAdd", {"dense/MatMul:0", "b"});
  return g;
}

TEST(TensorFlow, DenseLayer) {
  const Model model = dense().load();
  EXPECT_THAT(types(model.main()), ElementsAre(OpType::fully_connected, OpType::add));
  EXPECT_THAT(run(model, {1, 0, 2}), ElementsAre(21, 34));
  const Tensor& x = model.main().tensor(model.main().inputs()[0]);
  EXPECT_EQ(x.shape, Shape({1, 3}));
  EXPECT_EQ(x.shape_signature, Shape({-1, 3}));
  const Op& op = model.main().op(model.main().ops()[0]);
  EXPECT_EQ(op.origin, "dense");
}

TEST(TensorFlow, ShapeArithmeticKeepsTheBatchOpen) {
  TestGraph g;
  g.placeholder("x", {-1, 4, 6});
  g.node("shape", "Shape", {"x"});
  g.constant<int32_t>("zero", {1}, {0});
  g.constant<int32_t>("one", {1}, {1});
  (*g.node("batch", "StridedSlice", {"shape", "zero", "one", "one"})
        .mutable_attr())["shrink_axis_mask"]
      .set_i(1);
  g.constant<int32_t>("size", {}, {24});
  g.node("dims", "Pack", {"batch", "size"});
  g.node("y", "Reshape", {"x", "dims"});
  const Model model = g.load();
  ASSERT_THAT(types(model.main()), ElementsAre(OpType::reshape));
  const Op& op = model.main().op(model.main().ops()[0]);
  EXPECT_THAT(op.as<ReshapeAttributes>().new_shape.value(), ElementsAre(-1, 24));
  EXPECT_EQ(model.main().tensor(op.output()).shape_signature, Shape({-1, 24}));
}

TEST(TensorFlow, FunctionsAreInlinedAndConditionsOfConstantsTaken) {
  TestGraph g;
  g.placeholder("x", {2});
  (*g.node("call", "PartitionedCall", {"x"}).mutable_attr())["f"].mutable_func()->set_name("twice");
  proto::FunctionDef& f = *g.graph.mutable_library()->add_function();
  f.mutable_signature()->set_name("twice");
  f.mutable_signature()->add_input_arg()->set_name("a");
  f.mutable_signature()->add_output_arg()->set_name("r");
  TestGraph::fill<float>(
      (*TestGraph::add(*f.add_node_def(), "two", "Const", {}).mutable_attr())["value"], {}, {2});
  TestGraph::add(*f.add_node_def(), "mul", "Mul", {"a", "two:output:0"});
  (*f.mutable_ret())["r"] = "mul:z:0";
  EXPECT_THAT(run(g.load(), {3, 4}), ElementsAre(6, 8));
}

TEST(TensorFlow, UnknownOpsAreNamedWithTheirNodes) {
  TestGraph g = dense();
  g.node("magic", "Frobnicate", {"dense/BiasAdd"});
  g.node("more", "Defrobnicate", {"magic"});
  const std::string error = error_of(g);
  EXPECT_THAT(error, HasSubstr("Frobnicate (node magic)"));
}

TEST(TensorFlow, CirclesAndMissingNodesAreErrors) {
  TestGraph g;
  g.placeholder("x", {2});
  g.node("a", "Add", {"x", "b"});
  g.node("b", "Add", {"x", "a"});
  g.node("y", "Neg", {"b"});
  EXPECT_THAT(error_of(g), HasSubstr("loop"));
  TestGraph missing;
  missing.node("y", "Neg", {"nobody"});
  EXPECT_THAT(error_of(missing), HasSubstr("nobody does not exist"));
}

TEST(TensorFlow, FunctionsThatCallThemselvesAreRefused) {
  TestGraph g;
  g.placeholder("x", {2});
  (*g.node("call", "PartitionedCall", {"x"}).mutable_attr())["f"].mutable_func()->set_name("f");
  proto::FunctionDef& f = *g.graph.mutable_library()->add_function();
  f.mutable_signature()->set_name("f");
  f.mutable_signature()->add_input_arg()->set_name("a");
  f.mutable_signature()->add_output_arg()->set_name("r");
  (*TestGraph::add(*f.add_node_def(), "again", "PartitionedCall", {"a"}).mutable_attr())["f"]
      .mutable_func()
      ->set_name("f");
  (*f.mutable_ret())["r"] = "again:output:0";
  EXPECT_THAT(error_of(g), HasSubstr("levels"));
}

TEST(TensorFlow, GeluIsFoundBehindErf) {
  TestGraph g;
  g.placeholder("x", {4});
  g.constant<float>("half", {}, {0.5f});
  g.constant<float>("one", {}, {1});
  g.constant<float>("root", {}, {1.41421356f});
  g.node("h", "Mul", {"half", "x"});
  g.node("d", "RealDiv", {"x", "root"});
  g.node("e", "Erf", {"d"});
  g.node("s", "AddV2", {"one", "e"});
  g.node("y", "Mul", {"h", "s"});
  const Model model = g.load();
  EXPECT_THAT(types(model.main()), ElementsAre(OpType::gelu));
}

TEST(TensorFlow, ErfAloneIsComputed) {
  TestGraph g;
  g.placeholder("x", {5});
  g.node("y", "Erf", {"x"});
  const std::vector<float> x{-2, -0.5f, 0, 0.1f, 3};
  const std::vector<float> y = run(g.load(), x);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i], std::erf(x[i]), 1e-6);
}

TEST(TensorFlow, DamagedGraphsAreErrors) {
  const std::string file = dense().graph.SerializeAsString();
  Random random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = file;
    for (uint64_t n = random.below(4); n-- > 0;) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    if (random.below(4) == 0) damaged.resize(random.below(damaged.size()));
    try {
      for (const Graph& graph : load_frozen(as_bytes(damaged)).graphs) verify(graph);
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    }
  }
}

}  // namespace
}  // namespace smelt::tensorflow
