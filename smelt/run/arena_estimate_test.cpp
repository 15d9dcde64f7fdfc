#include "smelt/run/arena_estimate.h"

#include <gtest/gtest.h>

#include "smelt/formats/tflite/tflite.h"
#include "smelt/ir/builder.h"

namespace smelt {
namespace {

/// What tests/peers/arena_compare.py got from TensorFlow Lite Micro's recording allocator.
struct Recorded {
  const char* model;
  int64_t head, tail;
};
constexpr Recorded kRecorded[] = {
#include "smelt/run/arena_recorded.inc"
};

TEST(ArenaEstimate, IsWhatTheRecordingAllocatorPrints) {
  for (const Recorded& recorded : kRecorded) {
    SCOPED_TRACE(recorded.model);
    const Model model = tflite::load(std::string(SMELT_SOURCE) + "/" + recorded.model);
    const ArenaEstimate host = estimate_arena(model, MicroTarget::host);
    EXPECT_EQ(host.head, recorded.head);
    EXPECT_EQ(host.persistent, recorded.tail);
    EXPECT_LT(estimate_arena(model).used(), host.used());
  }
}

/// x [1,16] -> a -> b -> y, floats; a and b are 1000 wide.
Model chain() {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 1000});
  const TensorId a = b.op(OpType::relu, {x}, NoAttributes{}, "a", DataType::float32, {1, 1000});
  const TensorId c = b.op(OpType::relu6, {a}, NoAttributes{}, "c", DataType::float32, {1, 1000});
  b.output(b.op(OpType::add, {a, c}, ArithmeticAttributes{}, "y", DataType::float32, {1, 1000}));
  return std::move(b).build_model();
}

TEST(ArenaEstimate, NamesWhatIsAliveAtThePeak) {
  const ArenaEstimate estimate = estimate_arena(chain());
  EXPECT_EQ(estimate.head, 3 * 4000);  // a, c and y; x is gone by then
  ASSERT_TRUE(estimate.peak_op);
  const Model model = chain();
  EXPECT_EQ(model.main().op(estimate.peak_op->op).type, OpType::add);
  ASSERT_EQ(estimate.peak.size(), 3u);
  EXPECT_EQ(estimate.peak[0].name, "a");
  EXPECT_EQ(estimate.peak[0].bytes, 4000);
}

Model with_offline_plan(std::vector<int32_t> words) {
  Model model = chain();
  model.metadata.push_back({.name = "OfflineMemoryAllocation", .data = Buffer::of(words)});
  return model;
}

TEST(ArenaEstimate, ObeysAnOfflinePlan) {
  EXPECT_EQ(estimate_arena(with_offline_plan({1, 0, 4, 0, 4000, 16000, 0})).head, 20000);
  // x given, the others find their places around it.
  EXPECT_EQ(estimate_arena(with_offline_plan({1, 0, 4, 8000, -1, -1, -1})).head, 16000);
}

TEST(ArenaEstimate, RejectsAnOfflinePlanOfAnotherModel) {
  EXPECT_THROW(estimate_arena(with_offline_plan({})), Error);
  EXPECT_THROW(estimate_arena(with_offline_plan({1, 0, 3, 0, 0, 0})), Error);
  EXPECT_THROW(estimate_arena(with_offline_plan({1, 0, 4, 0, 0, 0})), Error);
  EXPECT_THROW(estimate_arena(with_offline_plan({1, 0, 4, 0, 0, 0, -2})), Error);
}

TEST(ArenaEstimate, UnusedTensorsLiveTogether) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::int8, {1, 16});
  b.output(b.op(OpType::relu, {x}, NoAttributes{}, "y", DataType::int8, {1, 16}));
  b.tensor({.name = "unused", .type = DataType::int8, .shape = {64}});
  b.tensor({.name = "too", .type = DataType::int8, .shape = {64}});
  EXPECT_EQ(estimate_arena(std::move(b).build_model()).head, 128);
}

TEST(ArenaEstimate, CountsScratchOfMean) {
  GraphBuilder b;
  const Quantization q = Quantization::per_tensor(0.5f, 0);
  const TensorId x = b.input("x", DataType::int8, {1, 4, 4, 8}, q);
  const TensorId axes = b.constant<int32_t>("axes", {2}, {1, 2});
  b.output(b.op(OpType::mean, {x, axes}, ReduceAttributes{}, "y", DataType::int8, {1, 8}, q));
  const ArenaEstimate estimate = estimate_arena(std::move(b).build_model());
  // x, y, sums in int32, an index of rank 4 and two axes.
  EXPECT_EQ(estimate.head, 128 + 16 + 32 + 16 + 16);
  ASSERT_EQ(estimate.peak.size(), 5u);
  EXPECT_EQ(estimate.peak[1].bytes, 32);
}

TEST(ArenaEstimate, HugeSizesAreErrors) {
  GraphBuilder b;
  constexpr int32_t kHuge = 1 << 30;
  const TensorId x = b.input("x", DataType::float32, {kHuge, kHuge, 4});
  b.output(b.op(OpType::relu, {x}, NoAttributes{}, "y", DataType::float32, {kHuge, kHuge, 4}));
  EXPECT_THROW(estimate_arena(std::move(b).build_model()), Error);
}

}  // namespace
}  // namespace smelt
