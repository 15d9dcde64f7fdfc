#include "smelt/train/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "smelt/data/array_dataset.h"
#include "smelt/data/select.h"
#include "smelt/data/test_files.h"

namespace smelt::train {
namespace {

using test::error_of;

/// Images [4,4,1] whose first cell is the sample's number; labels in `classes` classes.
DatasetPtr images(int32_t count, int32_t classes = 3) {
  std::vector<float> x;
  Answers answers;
  answers.class_count = classes;
  for (int32_t i = 0; i < count; ++i) {
    for (int cell = 0; cell < 16; ++cell) x.push_back(static_cast<float>(i * (cell == 0) + cell));
    answers.labels.push_back(i % classes);
  }
  return make_array_dataset({.name = "images",
                             .inputs = {Rows(test::make_array({count, 4, 4, 1}, x))},
                             .answers = std::move(answers)});
}

std::vector<Batch> take(const DatasetPtr& data, const BatchOptions& options, int count) {
  BatchStream stream(data, options);
  std::vector<Batch> batches;
  for (int i = 0; i < count; ++i) batches.push_back(stream.next());
  return batches;
}

void expect_equal(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.inputs, b.inputs);
  EXPECT_EQ(a.labels, b.labels);
}

TEST(Batches, EveryEpochHoldsEverySampleOnce) {
  const DatasetPtr data = images(23);
  const std::vector<Batch> batches = take(data, {.batch = 5}, 15);
  std::vector<float> orders[3];
  for (const Batch& batch : batches) {
    EXPECT_EQ(batch.samples, batch.number == 4 ? 3 : 5);
    for (int64_t i = 0; i < batch.samples; ++i) {
      const float number = batch.inputs[0][static_cast<size_t>(i) * 16];
      orders[batch.epoch].push_back(number);
      EXPECT_EQ(batch.labels[static_cast<size_t>(i)], static_cast<int>(number) % 3);
    }
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
  std::vector<float> all(23);
  std::iota(all.begin(), all.end(), 0.0f);
  for (std::vector<float>& order : orders) {
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, all);
  }
}

TEST(Batches, DoNotDependOnThreadsCacheOrStart) {
  const DatasetPtr data = images(40);
  const BatchOptions options{
      .batch = 7, .augment = parse_augment("flip,rotation,cutout=2"), .limits = {0, 40}, .seed = 5};
  const std::vector<Batch> expected = take(data, options, 20);
  BatchOptions other = options;
  other.workers = 4;
  other.cache_bytes = 40 * 16;  // a quarter of the samples
  const std::vector<Batch> batches = take(data, other, 20);
  for (size_t i = 0; i < batches.size(); ++i) expect_equal(batches[i], expected[i]);
  other.first_batch = 8;
  other.cache_bytes = 0;
  const std::vector<Batch> later = take(data, other, 12);
  for (size_t i = 0; i < later.size(); ++i) expect_equal(later[i], expected[i + 8]);
  other.seed = 6;
  EXPECT_NE(take(data, other, 1)[0].inputs, later[0].inputs);
}

TEST(Batches, WithoutShuffleInOrder) {
  const std::vector<Batch> batches = take(images(6), {.batch = 4, .shuffle = false}, 4);
  EXPECT_EQ(batches[1].inputs[0][0], 4);
  EXPECT_EQ(batches[2].inputs[0][16], 16 * 0 + 1);
  EXPECT_EQ(batches[3].labels, (std::vector<int32_t>{1, 2}));
}

class BrokenDataset : public DatasetWrapper {
 public:
  using DatasetWrapper::DatasetWrapper;
  void read(int64_t sample, int input, std::span<float> into) const override {
    if (sample == 17) fail(ErrorKind::bad_file, "sample 17 is damaged");
    DatasetWrapper::read(sample, input, into);
  }
};

TEST(Batches, ErrorsOfTheDataArrive) {
  const auto data = std::make_shared<BrokenDataset>(images(20));
  for (const int workers : {1, 3}) {
    BatchStream stream(data, {.batch = 6, .shuffle = false, .workers = workers});
    stream.next();
    stream.next();
    EXPECT_EQ(error_of([&] { stream.next(); }), "bad_file: sample 17 is damaged");
  }
}

TEST(Batches, AugmentationNeedsImages) {
  const DatasetPtr rows = make_array_dataset(
      {.name = "rows", .inputs = {Rows(test::make_array<float>({2, 3}, {1, 2, 3, 4, 5, 6}))}});
  EXPECT_EQ(error_of([&] { BatchStream(rows, {.augment = parse_augment("flip")}); }),
            "bad_argument: augmentation changes images [H,W,C]; the data has samples [3]; leave "
            "--augment out");
  EXPECT_EQ(value_limits(*rows).high, 6);
}

TEST(Split, HoldsOutAShareOfEveryClass) {
  const DatasetPtr data = images(30, 3);
  const DatasetSplit parts = split(data, 0.2, 1);
  EXPECT_EQ(parts.kept->size(), 24);
  EXPECT_EQ(parts.held_out->size(), 6);
  std::vector<int> seen(30), classes(3);
  std::vector<float> values(16);
  for (const DatasetPtr& part : {parts.kept, parts.held_out}) {
    for (int64_t i = 0; i < part->size(); ++i) {
      part->read(i, 0, values);
      ++seen[static_cast<size_t>(values[0])];
      if (part == parts.held_out) ++classes[static_cast<size_t>(part->label(i))];
    }
  }
  EXPECT_EQ(seen, std::vector<int>(30, 1));
  EXPECT_EQ(classes, std::vector<int>(3, 2));
  for (const double share : {0.0, 1.0, -1.0, 0.001, 0.999}) {
    EXPECT_NE(error_of([&] { split(data, share, 1); }), "") << share;
  }
}

}  // namespace
}  // namespace smelt::train
