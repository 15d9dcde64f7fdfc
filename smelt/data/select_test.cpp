#include "smelt/data/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "smelt/data/array_dataset.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::error_of;
using test::make_array;
using testing::ElementsAre;
using testing::HasSubstr;

/// Samples whose value is their number; labels may be empty.
DatasetPtr numbers(int count, const std::vector<int32_t>& labels) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
  ArrayDatasetParts parts;
  parts.name = "numbers";
  parts.inputs.emplace_back(make_array<float>({count, 1}, values));
  if (!labels.empty()) {
    parts.answers = interpret_answers(Rows(make_array<int32_t>({count}, labels)));
  }
  return make_array_dataset(std::move(parts));
}

/// 60 samples of class 0, 30 of class 1, 10 of class 3, mixed.
DatasetPtr uneven() {
  std::vector<int32_t> labels;
  for (int i = 0; i < 100; ++i) labels.push_back(i % 10 < 6 ? 0 : (i % 10 < 9 ? 1 : 3));
  return numbers(100, labels);
}

std::map<int32_t, int> histogram(const Dataset& dataset) {
  std::map<int32_t, int> counts;
  for (int64_t i = 0; i < dataset.size(); ++i) ++counts[dataset.label(i)];
  return counts;
}

TEST(Select, GivesEveryClassItsShare) {
  const DatasetPtr chosen = select(uneven(), 20, 1);
  EXPECT_EQ(chosen->size(), 20);
  EXPECT_EQ(histogram(*chosen), (std::map<int32_t, int>{{0, 12}, {1, 6}, {3, 2}}));
  EXPECT_EQ(chosen->class_count(), 4);
  // 7 of 100: 4.2, 2.1, 0.7: the largest remainder is class 3's.
  EXPECT_EQ(histogram(*select(uneven(), 7, 1)), (std::map<int32_t, int>{{0, 4}, {1, 2}, {3, 1}}));
  // 5 of 100: 3, 1.5, 0.5: equal remainders go to the lower class.
  EXPECT_EQ(histogram(*select(uneven(), 5, 1)), (std::map<int32_t, int>{{0, 3}, {1, 2}}));
}

TEST(Select, IsDecidedByTheSeed) {
  const auto one = choose_samples(*uneven(), 20, 1);
  EXPECT_EQ(choose_samples(*uneven(), 20, 1), one);
  EXPECT_NE(choose_samples(*uneven(), 20, 2), one);
  EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
  EXPECT_EQ(std::adjacent_find(one.begin(), one.end()), one.end());
  // The same on every machine.
  EXPECT_THAT(choose_samples(*numbers(10, {}), 3, 7), testing::SizeIs(3));
}

TEST(Select, KeepsSamplesWithTheirLabels) {
  const DatasetPtr all = uneven();
  const DatasetPtr chosen = select(all, 30, 3);
  const auto samples = choose_samples(*all, 30, 3);
  std::vector<float> value(1);
  for (int64_t i = 0; i < chosen->size(); ++i) {
    chosen->read(i, 0, value);
    EXPECT_EQ(value[0], static_cast<float>(samples[static_cast<size_t>(i)]));
    EXPECT_EQ(chosen->label(i), all->label(samples[static_cast<size_t>(i)]));
  }
  EXPECT_THAT(chosen->description(), HasSubstr("a choice of 30 of numbers: 100 samples"));
}

TEST(Select, WorksWithoutLabels) {
  const DatasetPtr chosen = select(numbers(10, {}), 4, 1);
  EXPECT_EQ(chosen->size(), 4);
  EXPECT_FALSE(chosen->has_labels());
}

TEST(Select, TakesAllWhereMoreAreAskedFor) {
  const DatasetPtr all = uneven();
  EXPECT_EQ(select(all, 100, 1), all);
  EXPECT_EQ(select(all, 1000, 1), all);
  EXPECT_EQ(take_first(all, 100), all);
  EXPECT_EQ(choose_samples(*all, 1000, 1).size(), 100u);
  EXPECT_THAT(error_of([&] { select(all, 0, 1); }), HasSubstr("at least 1 is needed"));
  EXPECT_THAT(error_of([&] { take_first(all, -1); }), HasSubstr("at least 1 is needed"));
}

TEST(TakeFirst, KeepsTheOrder) {
  const DatasetPtr first = take_first(uneven(), 3);
  EXPECT_EQ(first->size(), 3);
  std::vector<float> value(1);
  first->read(2, 0, value);
  EXPECT_EQ(value[0], 2);
}

}  // namespace
}  // namespace smelt
