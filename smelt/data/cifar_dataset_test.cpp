#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/data/sources.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::Bytes;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

uint8_t pixel(int sample, int y, int x, int c) {
  return static_cast<uint8_t>((sample * 97 + y * 31 + x * 3 + c * 59) % 256);
}

Bytes binary_batch(int first, int samples) {
  Bytes bytes;
  for (int sample = first; sample < first + samples; ++sample) {
    bytes += static_cast<char>(sample % 10);
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < 1024; ++i) bytes += static_cast<char>(pixel(sample, i / 32, i % 32, c));
    }
  }
  return bytes;
}

Bytes png_batch(int first, int samples) {
  Image image{samples, 1024, 3, {}};
  for (int sample = first; sample < first + samples; ++sample) {
    for (int i = 0; i < 3072; ++i) {
      image.pixels.push_back(pixel(sample, i / 96, i / 3 % 32, i % 3));
    }
  }
  return test::png_bytes(image);
}

/// Batches of 2, 3 and 1 training images, and 2 test images.
void write_png_folder(const test::TempDir& dir) {
  test::write_bytes(dir / "data_batch_1.png", png_batch(0, 2));
  test::write_bytes(dir / "data_batch_2.png", png_batch(2, 3));
  test::write_bytes(dir / "data_batch_3.png", png_batch(5, 1));
  test::write_bytes(dir / "train_lables.json", "[0,1,2,3,4,5]");
  test::write_bytes(dir / "test_batch.png", png_batch(6, 2));
  test::write_bytes(dir / "test_lables.json", " [6, 7]\n");
}

void expect_samples(const Dataset& dataset, int first, int count) {
  ASSERT_EQ(dataset.size(), count);
  EXPECT_EQ(dataset.input_shape(0), (Shape{32, 32, 3}));
  EXPECT_TRUE(dataset.holds_pixels(0));
  EXPECT_EQ(dataset.class_names()[3], "cat");
  std::vector<float> values(3072);
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(dataset.label(i), (first + i) % 10);
    dataset.read(i, 0, values);
    for (int at = 0; at < 3072; ++at) {
      ASSERT_EQ(values[static_cast<size_t>(at)], pixel(first + i, at / 96, at / 3 % 32, at % 3));
    }
  }
}

TEST(Cifar, ReadsOfficialBatchesInOrder) {
  test::TempDir dir;
  test::write_bytes(dir / "data_batch_1.bin", binary_batch(0, 2));
  test::write_bytes(dir / "data_batch_2.bin", binary_batch(2, 3));
  test::write_bytes(dir / "test_batch.bin", binary_batch(5, 1));
  expect_samples(*open_cifar_folder(dir.path(), "train"), 0, 5);
  expect_samples(*open_cifar_folder(dir.path(), "test"), 5, 1);
  EXPECT_EQ(open_cifar_folder(dir.path(), "other"), nullptr);
  EXPECT_THAT(open_cifar_folder(dir.path(), "train")->description(),
              HasSubstr(":train: 5 samples of uint8 [32, 32, 3], 10 classes"));
}

TEST(Cifar, ReadsPngBatchesWithJsonLabels) {
  test::TempDir dir;
  write_png_folder(dir);
  expect_samples(*open_cifar_folder(dir.path(), "train"), 0, 6);
  expect_samples(*open_cifar_folder(dir.path(), "test"), 6, 2);
}

TEST(Cifar, ConvertsPngBatchesToNpz) {
  test::TempDir dir, to;
  write_png_folder(dir);
  convert_cifar_png(dir.path(), to.path());
  const auto names = cifar10_class_names();
  expect_samples(*open_npz_dataset(to / "train.npz", {}, {}, names), 0, 6);
  expect_samples(*open_npz_dataset(to / "test.npz", {}, {}, names), 6, 2);
  test::write_bytes(dir / "test_lables.json", "[6]");
  EXPECT_THAT(error_of([&] { convert_cifar_png(dir.path(), to.path()); }),
              HasSubstr("holds 1 labels for 2 images"));
}

TEST(Cifar, RefusesDamagedBatches) {
  test::TempDir dir;
  const auto error = [&](const Bytes& bytes) {
    test::write_bytes(dir / "test_batch.bin", bytes);
    return error_of([&] { open_cifar_folder(dir.path(), "test"); });
  };
  EXPECT_THAT(error(""), HasSubstr("not a whole number of records"));
  EXPECT_THAT(error(binary_batch(0, 1).substr(0, 3000)),
              HasSubstr("not a whole number of records"));
  Bytes bad_label = binary_batch(0, 2);
  bad_label[3073] = 10;
  EXPECT_THAT(error(bad_label), HasSubstr("the label of sample 1 is 10"));
}

TEST(Cifar, RefusesDamagedPngBatches) {
  test::TempDir dir;
  write_png_folder(dir);
  const auto error = [&](std::string_view labels) {
    test::write_bytes(dir / "test_lables.json", labels);
    return error_of([&] { open_cifar_folder(dir.path(), "test"); });
  };
  EXPECT_THAT(error("[1]"), HasSubstr("holds 1 labels for 2 images"));
  EXPECT_THAT(error("{"), HasSubstr("is not a JSON list"));
  EXPECT_THAT(error("[1, \"2\"]"), HasSubstr("entry 1 is not a whole number"));
  EXPECT_THAT(error("[1, 11]"), HasSubstr("the label of sample 1 is 11"));
  EXPECT_EQ(error("[1, 2]"), "");
  std::vector<float> values(3072);
  const Bytes whole = test::read_bytes(dir / "test_batch.png");
  test::write_bytes(dir / "test_batch.png", whole.substr(0, whole.size() / 2));
  const DatasetPtr cut = open_cifar_folder(dir.path(), "test");
  EXPECT_THAT(error_of([&] { cut->read(0, 0, values); }), HasSubstr("test_batch.png: the PNG is"));
  test::write_bytes(dir / "test_batch.png", test::png_bytes(test::make_image(2, 30, 3)));
  const DatasetPtr narrow = open_cifar_folder(dir.path(), "test");
  EXPECT_THAT(error_of([&] { narrow->read(0, 0, values); }), HasSubstr("1024 RGB pixels per row"));
  test::write_bytes(dir / "test_batch.png", "no image");
  EXPECT_THAT(error_of([&] { open_cifar_folder(dir.path(), "test"); }), HasSubstr("bad_file"));
}

}  // namespace
}  // namespace smelt
