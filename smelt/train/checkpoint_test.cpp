#include "smelt/train/checkpoint.h"

#include <gtest/gtest.h>

#include "smelt/base/random.h"
#include "smelt/data/test_files.h"

namespace smelt::train {
namespace {

using test::error_of;

Checkpoint example() {
  return {.texts = {{"counters", "{\"step\": 3}"}, {"empty", ""}},
          .arrays = {{"conv1/kernel", {1, -2.5f, 3e-30f}}, {"none", {}}, {"bn/mean", {0.25f}}}};
}

TEST(Checkpoint, GivesBackWhatWasSaved) {
  const test::TempDir folder;
  save_checkpoint(example(), folder / "a");
  EXPECT_EQ(load_checkpoint(folder / "a"), example());
  save_checkpoint(example(), folder / "b");
  EXPECT_EQ(test::read_bytes(folder / "a"), test::read_bytes(folder / "b"));
  save_checkpoint({}, folder / "a");
  EXPECT_EQ(load_checkpoint(folder / "a"), Checkpoint());
}

TEST(Checkpoint, EveryChangedOrMissingByteIsAnError) {
  const test::TempDir folder;
  const auto path = folder / "damaged";
  save_checkpoint(example(), path);
  const test::Bytes whole = test::read_bytes(path);
  const std::string start = "bad_file: checkpoint " + path.string() + ": ";
  for (size_t size = 0; size < whole.size(); ++size) {
    test::write_bytes(path, whole.substr(0, size));
    EXPECT_TRUE(error_of([&] { load_checkpoint(path); }).starts_with(start)) << size;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int bit : {0, 7}) {
      test::Bytes changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      test::write_bytes(path, changed);
      EXPECT_TRUE(error_of([&] { load_checkpoint(path); }).starts_with(start)) << at;
    }
  }
  test::write_bytes(path, whole + "x");
  EXPECT_TRUE(error_of([&] { load_checkpoint(path); }).starts_with(start));
  EXPECT_TRUE(error_of([&] { load_checkpoint(folder / "missing"); }).starts_with("io: "));
}

TEST(Checkpoint, RestoresByName) {
  const Checkpoint checkpoint = example();
  std::vector<float> kernel(3), mean(1), none, other(2);
  {
    Restorer restorer(checkpoint, "run/x");
    const StateVisitor visit = restorer.visitor();
    visit("bn/mean", mean);
    visit("conv1/kernel", kernel);
    EXPECT_EQ(error_of([&] { restorer.finish(); }),
              "bad_file: checkpoint run/x does not belong to this model and these settings: "
              "nothing takes its none");
    visit("none", none);
    restorer.finish();
    EXPECT_EQ(kernel, checkpoint.arrays[0].values);
    EXPECT_EQ(mean, checkpoint.arrays[2].values);
  }
  Restorer restorer(checkpoint, "run/x");
  const StateVisitor visit = restorer.visitor();
  EXPECT_EQ(error_of([&] { visit("conv1/kernel", other); }),
            "bad_file: checkpoint run/x does not belong to this model and these settings: "
            "conv1/kernel has 3 values, expected 2");
  EXPECT_EQ(error_of([&] { visit("conv2/kernel", other); }),
            "bad_file: checkpoint run/x does not belong to this model and these settings: it has "
            "no conv2/kernel");
}

}  // namespace
}  // namespace smelt::train
