#include "smelt/shrink/micro_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/quantize/float_models.h"
#include "smelt/quantize/quantize.h"

namespace smelt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Model as(std::string_view scheme_name) {
  Recipe recipe = scheme(scheme_name);
  recipe.base.min_weight_elements = 0;
  return quantize(small_classifier(), random_dataset(4, {6, 6, 3}), {.recipe = recipe}).model;
}

TEST(MicroSupport, IntegersAndFloatsRun) {
  for (const char* name : {"none", "int8", "int16x8", "int4"}) {
    EXPECT_THAT(micro_support(as(name)).obstacles, IsEmpty()) << name;
  }
}

TEST(MicroSupport, ListsTheResolverCallsOfEveryKindOfOp) {
  EXPECT_THAT(micro_support(as("int8")).resolver_calls,
              ElementsAre("AddConv2D()", "AddFullyConnected()", "AddMean()", "AddSoftmax()"));
}

TEST(MicroSupport, HybridOpsAndScalesPerChannelAreObstacles) {
  const MicroSupport dynamic = micro_support(as("dynamic"));
  ASSERT_EQ(dynamic.obstacles.size(), 2u);
  EXPECT_THAT(dynamic.obstacles[0], HasSubstr("int8 weights beside float32 activations"));
  const MicroSupport weights = micro_support(as("weight-only-int8"));
  ASSERT_FALSE(weights.obstacles.empty());
  EXPECT_THAT(weights.obstacles[0], HasSubstr("a scale per channel"));
}

TEST(MicroSupport, OpsWithoutAKernelAndCustomOnesAreNamed) {
  GraphBuilder b;
  TensorId x = b.input("x", DataType::float32, {1, 4});
  x = b.op(OpType::gelu, {x}, GeluAttributes{}, "act", DataType::float32, {1, 4});
  x = b.op(OpType::custom, {x}, CustomAttributes{.code = "Mine"}, "mine", DataType::float32,
           {1, 4});
  b.output(x);
  const MicroSupport support = micro_support(std::move(b).build_model());
  ASSERT_EQ(support.obstacles.size(), 2u);
  EXPECT_THAT(support.obstacles[0], HasSubstr("GELU (layer act): TFLite Micro has no kernel"));
  EXPECT_THAT(support.obstacles[1], HasSubstr("custom op Mine"));
  EXPECT_THAT(support.resolver_calls, ElementsAre("AddCustom(\"Mine\", ...)"));
}

}  // namespace
}  // namespace smelt
