#include "smelt/train/layers/dropout.h"

#include <algorithm>

#include "smelt/train/layers/one_op.h"

namespace smelt::train {
namespace {

TEST(DropoutLayer, DropsWhileTraining) {
  OneOp(OpType::dropout, DropoutAttributes{0.4f}, 1).value({1, 3, 7}).check();
  OneOp(OpType::dropout, DropoutAttributes{}, 2).value({1, 5}).check();
}

TEST(DropoutLayer, RefusesToDropEverything) {
  OneOp op(OpType::dropout, DropoutAttributes{1}, 3);
  EXPECT_EQ(op.value({1, 5}).error(), "the op: its rate is 1");
}

TEST(DropoutLayer, KeepsTheMean) {
  std::vector<float> factors(100'000);
  Random random(4);
  draw_dropout(random, 0.2f, factors.data(), static_cast<int64_t>(factors.size()));
  const auto dropped = std::ranges::count(factors, 0.0f);
  EXPECT_NEAR(static_cast<double>(dropped) / static_cast<double>(factors.size()), 0.2, 0.005);
  EXPECT_EQ(std::ranges::count(factors, 1.25f), static_cast<int64_t>(factors.size()) - dropped);
}

TEST(DropoutLayer, DrawsAnewForLayersSamplesAndSteps) {
  const auto first = [](uint64_t seed, std::string_view name, int64_t sample) {
    const Step step{.samples = 4, .seed = seed};
    return sample_random(step, layer_number(name), sample).next();
  };
  EXPECT_EQ(first(1, "a", 2), first(1, "a", 2));
  EXPECT_NE(first(1, "a", 2), first(2, "a", 2));
  EXPECT_NE(first(1, "a", 2), first(1, "b", 2));
  EXPECT_NE(first(1, "a", 2), first(1, "a", 3));
}

}  // namespace
}  // namespace smelt::train
