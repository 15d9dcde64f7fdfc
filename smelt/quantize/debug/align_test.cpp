#include "smelt/quantize/debug/align.h"

#include "smelt/quantize/float_models.h"
#include "smelt/quantize/quantize.h"

namespace smelt {
namespace {

/// Two convolutions of the same input, added, averaged, classified.
Model two_branches() {
  GraphBuilder b;
  const TensorId x = b.input("image", DataType::float32, {1, 6, 6, 3});
  const TensorId left = add_conv(b, x, "left", 1);
  const TensorId right = add_conv(b, x, "right", 21);
  const TensorId sum = b.op(OpType::add, {left, right}, ArithmeticAttributes{}, "sum",
                            DataType::float32, {1, 6, 6, 4});
  const TensorId axes = b.constant<int32_t>("axes", {2}, {1, 2});
  b.output(b.op(OpType::mean, {sum, axes}, ReduceAttributes{}, "mean", DataType::float32, {1, 4}));
  return std::move(b).build_model();
}

QuantizeResult quantized(const Model& model) {
  return quantize(model, random_dataset(20, {6, 6, 3}), {.recipe = {.io = IoType::float32}});
}

/// Names of matched results, "float=quantized".
std::vector<std::string> pairs(const Alignment& alignment, const Graph& f, const Graph& q) {
  std::vector<std::string> names;
  for (const OpMatch& match : alignment.ops) {
    names.push_back(f.tensor(f.op(match.reference).output()).name + "=" +
                    q.tensor(q.op(match.quantized).output()).name);
  }
  return names;
}

void rename_all(Graph& graph) {
  for (const TensorId id : graph.tensors()) graph.tensor(id).name = fmt::format("t{}", id.value);
}

TEST(Align, IdsAndStructureFindTheSame) {
  const QuantizeResult result = quantized(two_branches());
  const Graph& f = result.float_model.main();
  const Graph& q = result.model.main();
  const Alignment by_ids = align(f, q, AlignBy::ids);
  const Alignment by_structure = align(f, q, AlignBy::structure);
  EXPECT_THAT(by_ids.unmatched, testing::IsEmpty());
  EXPECT_EQ(by_ids.ops.size(), 4u);
  EXPECT_EQ(pairs(by_ids, f, q), pairs(by_structure, f, q));
  EXPECT_EQ(by_ids.tensors, by_structure.tensors);
}

TEST(Align, WeightsTellBranchesApartWhereNamesDoNot) {
  const QuantizeResult result = quantized(two_branches());
  Graph q = result.model.main();
  rename_all(q);
  const Graph& f = result.float_model.main();
  const Alignment alignment = align(f, q, AlignBy::structure);
  EXPECT_THAT(alignment.unmatched, testing::IsEmpty());
  for (const OpMatch& match : alignment.ops) EXPECT_EQ(match.quantized, match.reference);
}

TEST(Align, OperandsInAnotherOrderAreFound) {
  const QuantizeResult result = quantized(two_branches());
  Graph q = result.model.main();
  for (const OpId id : q.ops()) {
    const Op op = q.op(id);
    if (op.type == OpType::add) q.set_op_inputs(id, {op.inputs[1], op.inputs[0]});
  }
  const Alignment alignment = align(result.float_model.main(), q, AlignBy::structure);
  ASSERT_EQ(alignment.ops.size(), 4u);
  EXPECT_THAT(alignment.ops[2].sources, testing::ElementsAre(1, 0));
}

TEST(Align, WhatHasNoCounterpartIsListedAndTheRestFound) {
  const QuantizeResult result = quantized(two_branches());
  Graph f = result.float_model.main();
  for (const OpId id : f.ops()) {  // the float model adds otherwise
    if (f.op(id).type == OpType::add) f.set_op_kind(id, OpType::maximum, NoAttributes{});
  }
  const Alignment alignment = align(f, result.model.main(), AlignBy::structure);
  EXPECT_EQ(alignment.ops.size(), 3u);
  EXPECT_THAT(alignment.unmatched,
              testing::ElementsAre(testing::HasSubstr("has no float counterpart"),
                                   testing::HasSubstr("has no quantized counterpart")));
}

TEST(Align, WeightsOfAnotherModelAreNoticed) {
  const auto conv_model = [](uint64_t seed) {
    GraphBuilder b;
    b.output(add_conv(b, b.input("image", DataType::float32, {1, 6, 6, 3}), "conv", seed));
    return std::move(b).build_model();
  };
  const QuantizeResult result = quantized(conv_model(1));
  const Graph& q = result.model.main();
  EXPECT_EQ(align(conv_model(1).main(), q, AlignBy::structure).with_other_weights, 0);
  const Alignment other = align(conv_model(2).main(), q, AlignBy::structure);
  EXPECT_EQ(other.with_weights, 1);
  EXPECT_EQ(other.with_other_weights, 1);
}

TEST(Align, AnotherModelIsRefused) {
  const Model other = small_classifier();
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 8});
  b.output(b.op(OpType::relu, {x}, NoAttributes{}, "y", DataType::float32, {1, 8}));
  const Graph graph = std::move(b).build();
  EXPECT_THAT(
      message_of(ErrorKind::bad_argument, [&] { align(other.main(), graph, AlignBy::structure); }),
      testing::HasSubstr("they are not the same model"));
}

}  // namespace
}  // namespace smelt
