#include "smelt/data/array_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/data/npy.h"
#include "smelt/data/sources.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::error_of;
using test::make_array;
using test::npy_bytes;
using test::zip_bytes;
using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
Answers answers_of(const Shape& shape, const std::vector<T>& values) {
  return interpret_answers(Rows(make_array<T>(shape, values)));
}

TEST(Answers, WholeNumbersAreLabels) {
  EXPECT_THAT(answers_of<int64_t>({3}, {2, 0, 4}).labels, ElementsAre(2, 0, 4));
  EXPECT_THAT(answers_of<uint8_t>({2, 1}, {1, 3}).labels, ElementsAre(1, 3));
  EXPECT_EQ(answers_of<int64_t>({3}, {2, 0, 4}).class_count, 5);
}

TEST(Answers, OneHotRowsAreLabels) {
  const Answers floats = answers_of<float>({2, 3}, {0, 0, 1, 1, 0, 0});
  EXPECT_THAT(floats.labels, ElementsAre(2, 0));
  EXPECT_EQ(floats.class_count, 3);
  EXPECT_THAT(answers_of<uint8_t>({2, 2}, {0, 1, 1, 0}).labels, ElementsAre(1, 0));
}

TEST(Answers, EverythingElseIsATarget) {
  EXPECT_TRUE(answers_of<float>({2}, {0, 1}).targets);
  EXPECT_TRUE(answers_of<float>({2, 1}, {0, 1}).targets);
  EXPECT_TRUE(answers_of<float>({2, 2}, {0, 1, 0.5f, 0.5f}).targets);
  EXPECT_TRUE(answers_of<int32_t>({2, 2}, {0, 1, 1, 1}).targets);
  EXPECT_TRUE(answers_of<int32_t>({1, 2, 2}, {0, 1, 1, 0}).targets);
  EXPECT_TRUE(answers_of<float>({2, 2}, {0, 1, 0, 1}).labels.size() == 2);
}

TEST(Answers, RefuseNegativeAndHugeLabels) {
  EXPECT_THAT(error_of([] {
                answers_of<int32_t>({2}, {0, -1});
              }),
              HasSubstr("the label of sample 1 is -1"));
  EXPECT_THAT(error_of([] { answers_of<int64_t>({1}, {int64_t{1} << 40}); }),
              HasSubstr("labels count classes from 0"));
}

class ArrayFiles : public testing::Test {
 protected:
  DatasetPtr open_npz(const std::vector<std::pair<std::string, Array>>& arrays,
                      const NpzKeys& keys = {}, std::string_view split = {}) {
    std::vector<test::ZipMember> members;
    for (const auto& [key, array] : arrays) members.push_back({key + ".npy", npy_bytes(array)});
    test::write_bytes(dir_ / "a.npz", zip_bytes(members));
    return open_npz_dataset(dir_ / "a.npz", keys, split);
  }

  test::TempDir dir_;
  Array x_ = make_array<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  Array pixels_ = make_array<uint8_t>({2, 1, 2, 1}, {0, 128, 255, 7});
  Array y_ = make_array<int32_t>({2}, {0, 3});
};

std::vector<float> values_of(const Dataset& dataset, int64_t sample, int input = 0) {
  std::vector<float> values(static_cast<size_t>(dataset.input_shape(input).elements()));
  dataset.read(sample, input, values);
  return values;
}

TEST_F(ArrayFiles, NpyIsOneInputWithoutLabels) {
  write_npy(dir_ / "x.npy", x_);
  const DatasetPtr dataset = open_npy_dataset(dir_ / "x.npy");
  EXPECT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->input_shape(0), (Shape{3}));
  EXPECT_THAT(values_of(*dataset, 1), ElementsAre(4, 5, 6));
  EXPECT_FALSE(dataset->has_labels());
  EXPECT_FALSE(dataset->has_targets());
  EXPECT_FALSE(dataset->holds_pixels(0));
  EXPECT_THAT(dataset->description(), HasSubstr("x.npy: 2 samples of float32 [3]"));
}

TEST_F(ArrayFiles, NpzHoldsPixelsAndLabels) {
  const DatasetPtr dataset = open_npz({{"x", pixels_}, {"y", y_}});
  EXPECT_TRUE(dataset->holds_pixels(0));
  EXPECT_THAT(values_of(*dataset, 1), ElementsAre(255, 7));
  EXPECT_EQ(dataset->label(1), 3);
  EXPECT_EQ(dataset->class_count(), 4);
  EXPECT_THAT(dataset->description(), HasSubstr("2 samples of uint8 [1, 2, 1], 4 classes"));
}

TEST_F(ArrayFiles, NpzHoldsTargets) {
  const DatasetPtr dataset = open_npz({{"x", pixels_}, {"y", x_}});
  ASSERT_TRUE(dataset->has_targets());
  EXPECT_EQ(dataset->target_shape(), (Shape{3}));
  std::vector<float> target(3);
  dataset->read_target(1, target);
  EXPECT_THAT(target, ElementsAre(4, 5, 6));
}

TEST_F(ArrayFiles, NpzHoldsSeveralInputs) {
  for (const std::string stem : {"x", "in"}) {
    const DatasetPtr dataset = open_npz({{stem + "1", pixels_}, {stem + "0", x_}, {"y", y_}});
    ASSERT_EQ(dataset->inputs(), 2);
    EXPECT_EQ(dataset->input_shape(0), (Shape{3}));
    EXPECT_THAT(values_of(*dataset, 0, 1), ElementsAre(0, 128));
  }
}

TEST_F(ArrayFiles, NpzKeysCanBeNamed) {
  EXPECT_EQ(open_npz({{"a", x_}, {"b", y_}}, {"a", "b"})->label(1), 3);
  EXPECT_EQ(open_npz({{"only", x_}})->size(), 2);
  const std::vector<std::pair<std::string, Array>> splits = {
      {"x_train", pixels_}, {"y_train", y_}, {"x_test", x_}, {"y_test", y_}};
  EXPECT_EQ(open_npz(splits, {}, "test")->input_shape(0), (Shape{3}));
  EXPECT_EQ(open_npz(splits, {}, "train")->label(1), 3);
  EXPECT_THAT(error_of([&] { open_npz(splits); }), HasSubstr("holds splits; write"));
  EXPECT_THAT(error_of([&] {
                open_npz({{"a", x_}, {"b", y_}});
              }),
              HasSubstr("has no key x (nor x0 or in0); name the key of the samples: a, b"));
  EXPECT_THAT(error_of([&] { open_npz({{"x", x_}}, {"", "z"}); }), HasSubstr("no key 'z'"));
}

TEST_F(ArrayFiles, RefuseCountsThatDiffer) {
  const Array three = make_array<int32_t>({3}, {0, 1, 2});
  EXPECT_THAT(error_of([&] {
                open_npz({{"x", x_}, {"y", three}});
              }),
              HasSubstr("holds 2 samples, but 3 labels or targets"));
  EXPECT_THAT(error_of([&] {
                open_npz({{"x0", x_}, {"x1", three}});
              }),
              HasSubstr("the inputs have 2 and 3 samples"));
  EXPECT_THAT(error_of([&] {
                open_npz({{"x", make_array<float>({0, 3}, {})}});
              }),
              HasSubstr("holds no samples"));
  EXPECT_THAT(error_of([&] {
                open_npz({{"x", make_array<float>({2, 0}, {})}});
              }),
              HasSubstr("hold no values"));
  EXPECT_THAT(error_of([&] {
                open_npz({{"x", make_array<float>({}, {1})}});
              }),
              HasSubstr("holds a scalar"));
}

}  // namespace
}  // namespace smelt
