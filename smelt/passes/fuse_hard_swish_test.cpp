#include "smelt/ir/builder.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

/// x times relu6(x + offset) / 6, by one of the ways to write it.
struct Spelling {
  float offset = 3;
  bool fused = false;       ///< RELU6 in the ADD
  bool scale_last = false;  ///< (x * relu6) / 6
  bool gate_first = false;  ///< the gate is the first factor
  bool used_twice = false;  ///< something else reads the gate
};

Graph graph_of(const Spelling& how) {
  GraphBuilder b;
  const Shape shape{1, 4};
  const auto mul = [&](TensorId x, TensorId y, const std::string& name) {
    return b.op(OpType::mul, {x, y}, FusedAttributes{}, name, DataType::float32, shape);
  };
  const TensorId x = b.input("x", DataType::float32, shape);
  const TensorId three = b.constant<float>("three", {}, {how.offset});
  const TensorId sixth = b.constant<float>("sixth", {1}, {1.0f / 6});
  ArithmeticAttributes attributes;
  if (how.fused) attributes.activation = Activation::relu6;
  TensorId gate = b.op(OpType::add, {x, three}, attributes, "add", DataType::float32, shape);
  if (!how.fused) {
    gate = b.op(OpType::relu6, {gate}, NoAttributes{}, "relu6", DataType::float32, shape);
  }
  if (!how.scale_last) gate = mul(gate, sixth, "scaled");
  TensorId y = how.gate_first ? mul(gate, x, "product") : mul(x, gate, "product");
  if (how.scale_last) y = mul(y, sixth, "scaled");
  b.output(y);
  if (how.used_twice) b.output(gate);
  return std::move(b).build();
}

TEST(FuseHardSwish, AllSpellings) {
  for (const bool fused : {false, true}) {
    for (const bool scale_last : {false, true}) {
      for (const bool gate_first : {false, true}) {
        const Graph before =
            graph_of({.fused = fused, .scale_last = scale_last, .gate_first = gate_first});
        Graph after = before;
        EXPECT_EQ(fuse_hard_swish(after), 1);
        ASSERT_EQ(after.op_count(), 1u);
        EXPECT_EQ(after.op(after.ops()[0]).type, OpType::hard_swish);
        expect_same_results(before, after);
      }
    }
  }
}

TEST(FuseHardSwish, NotWithOtherNumbersOrReaders) {
  Graph other = graph_of({.offset = 2});
  EXPECT_EQ(fuse_hard_swish(other), 0);
  Graph read = graph_of({.used_twice = true});
  EXPECT_EQ(fuse_hard_swish(read), 0);
}

}  // namespace
}  // namespace smelt
