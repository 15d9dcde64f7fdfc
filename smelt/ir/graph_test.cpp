#include "smelt/ir/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/ir/builder.h"
#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"

namespace smelt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Chain {
  GraphBuilder builder{"chain"};
  TensorId x, w, y, z;

  Chain() {
    x = builder.input("x", DataType::float32, {1, 2});
    w = builder.constant<float>("w", {3, 2}, {1, 2, 3, 4, 5, 6});
    y = builder.op(OpType::fully_connected, {x, w, TensorId::none}, FullyConnectedAttributes{},
                   "dense", DataType::float32, {1, 3});
    z = builder.op(OpType::relu, {y}, NoAttributes{}, "relu", DataType::float32, {1, 3});
    builder.output(z);
  }
};

TEST(Graph, KnowsProducersAndConsumers) {
  Chain chain;
  const Graph graph = std::move(chain.builder).build();
  const OpId dense = graph.ops()[0], relu = graph.ops()[1];
  EXPECT_EQ(graph.producer(chain.y), dense);
  EXPECT_FALSE(graph.producer(chain.x));
  EXPECT_THAT(graph.consumers(chain.y), ElementsAre(relu));
  EXPECT_EQ(graph.constant_input(graph.op(dense), 1)->name, "w");
  EXPECT_EQ(graph.constant_input(graph.op(dense), 2), nullptr);
}

TEST(Graph, ReplaceUsesCoversReadersAndOutputs) {
  Chain chain;
  Graph graph = std::move(chain.builder).build();
  graph.replace_uses(chain.z, chain.y);
  EXPECT_THAT(graph.outputs(), ElementsAre(chain.y));
  graph.erase(graph.ops()[1]);
  EXPECT_EQ(graph.erase_unused_tensors(), 1);
  EXPECT_FALSE(graph.contains(chain.z));
  verify(graph);
}

TEST(Graph, InsertedOpsStandWhereTheyWereAskedFor) {
  Chain chain;
  Graph graph = std::move(chain.builder).build();
  const OpId dense = graph.ops()[0];
  const TensorId t = graph.add_tensor({.name = "t", .shape = {1, 3}});
  const OpId tanh = graph.insert_after(
      dense,
      {.type = OpType::tanh, .inputs = {chain.y}, .outputs = {t}, .attributes = NoAttributes{}});
  EXPECT_EQ(graph.ops()[1], tanh);
  graph.set_op_input(graph.ops()[2], 0, t);
  EXPECT_THAT(graph.consumers(chain.y), ElementsAre(tanh));
  verify(graph);
}

TEST(Graph, CopiesShareConstants) {
  Chain chain;
  const Graph graph = std::move(chain.builder).build();
  const Graph copy = graph;
  EXPECT_EQ(copy.tensor(chain.w).data.bytes().data(), graph.tensor(chain.w).data.bytes().data());
}

TEST(Dump, IsALinePerOp) {
  Chain chain;
  EXPECT_EQ(dump(std::move(chain.builder).build()),
            "graph chain\n"
            "  input x: float32[1, 2]\n"
            "  dense: float32[1, 3] = FULLY_CONNECTED(x, w, none) activation=none "
            "weights_format=plain keep_num_dims=false asymmetric_quantize_inputs=false "
            "quantized_bias_type=float32\n"
            "  relu: float32[1, 3] = RELU(dense)\n"
            "  output relu\n");
}

std::string verify_error(const Graph& graph) {
  try {
    verify(graph);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_file);
    return error.what();
  }
  return "";
}

TEST(Verify, NamesOpAndTensor) {
  Chain chain;
  Graph graph = std::move(chain.builder).build();
  const TensorId late = graph.add_tensor({.name = "late", .shape = {1, 2}});
  graph.set_op_input(graph.ops()[0], 0, late);
  EXPECT_EQ(verify_error(graph),
            "op 0 FULLY_CONNECTED (layer dense): reads late before anything computes it");
}

TEST(Verify, ConstantsHoldTheBytesOfTheirShape) {
  Chain chain;
  Graph graph = std::move(chain.builder).build();
  graph.tensor(chain.w).shape = {3, 3};
  EXPECT_THAT(verify_error(graph), HasSubstr("w: 24 bytes of constant data"));
}

TEST(Verify, RefusesTwoProducersAndWrongAttributes) {
  Chain chain;
  Graph graph = std::move(chain.builder).build();
  Graph twice = graph;
  twice.add_op({.type = OpType::relu,
                .inputs = {chain.y},
                .outputs = {chain.z},
                .attributes = NoAttributes{}});
  EXPECT_THAT(verify_error(twice), HasSubstr("relu is computed twice"));
  Graph wrong = graph;
  wrong.add_op({.type = OpType::softmax,
                .inputs = {chain.y},
                .outputs = {wrong.add_tensor({.name = "s"})},
                .attributes = NoAttributes{}});
  EXPECT_THAT(verify_error(wrong), HasSubstr("attributes of another kind"));
}

TEST(Verify, ScalesAreNumbersWithAZeroPointEach) {
  Chain chain;
  Graph graph = std::move(chain.builder).build();
  graph.tensor(chain.y).quantization = {.scale = {NAN}, .zero_point = {0}};
  EXPECT_THAT(verify_error(graph), HasSubstr("not a positive number"));
  graph.tensor(chain.y).quantization = {.scale = {1.0f}, .zero_point = {}};
  EXPECT_THAT(verify_error(graph), HasSubstr("1 scales but 0 zero points"));
}

TEST(Difference, SeesStructureNotIds) {
  Chain a, b;
  Model p = std::move(a.builder).build_model();
  Model q = std::move(b.builder).build_model();
  q.main().add_tensor({.name = "unused"});
  EXPECT_THAT(difference(p, q), IsEmpty());
  q.main().set_op_kind(q.main().ops()[1], OpType::relu6, NoAttributes{});
  EXPECT_EQ(difference(p, q), "subgraph 0: op 1 RELU (layer relu): type: RELU against RELU6");
}

TEST(Difference, SeesConstantsAndNames) {
  Chain a, b;
  Model p = std::move(a.builder).build_model();
  Model q = std::move(b.builder).build_model();
  q.main().tensor(b.x).name = "image";
  EXPECT_THAT(difference(p, q), HasSubstr("name: x against image"));
  EXPECT_THAT(difference(p, q, false), IsEmpty());
  q.main().tensor(b.w).data = Buffer::of(std::vector<float>{1, 2, 3, 4, 5, 7});
  EXPECT_THAT(difference(p, q, false), HasSubstr("constant data differs"));
}

}  // namespace
}  // namespace smelt
