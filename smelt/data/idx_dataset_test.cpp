#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/data/sources.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::Bytes;
using test::error_of;
using test::gzip_bytes;
using test::idx_bytes;
using testing::ElementsAre;
using testing::HasSubstr;

class Idx : public testing::Test {
 protected:
  std::string error(const Bytes& bytes) {
    test::write_bytes(dir_ / "images", bytes);
    return error_of([&] { open_idx_dataset(dir_ / "images"); });
  }

  test::TempDir dir_;
  Bytes images_ = idx_bytes({3, 1, 2}, {1, 2, 3, 4, 5, 6});
  Bytes labels_ = idx_bytes({3}, {7, 0, 9});
};

TEST_F(Idx, ReadsImagesAndTheLabelsBesideThem) {
  for (const bool gzip_images : {false, true}) {
    for (const bool gzip_labels : {false, true}) {
      test::TempDir dir;
      const auto images =
          dir / (gzip_images ? "t10k-images-idx3-ubyte.gz" : "t10k-images-idx3-ubyte");
      test::write_bytes(images, gzip_images ? gzip_bytes(images_) : images_);
      test::write_bytes(
          dir / (gzip_labels ? "t10k-labels-idx1-ubyte.gz" : "t10k-labels-idx1-ubyte"),
          gzip_labels ? gzip_bytes(labels_) : labels_);
      EXPECT_EQ(find_idx_split(dir.path(), "test"), images);
      EXPECT_EQ(find_idx_split(dir.path(), "train"), "");
      const DatasetPtr dataset = open_idx_dataset(images);
      EXPECT_EQ(dataset->size(), 3);
      EXPECT_EQ(dataset->input_shape(0), (Shape{1, 2, 1}));
      EXPECT_TRUE(dataset->holds_pixels(0));
      std::vector<float> values(2);
      dataset->read(2, 0, values);
      EXPECT_THAT(values, ElementsAre(5, 6));
      EXPECT_EQ(dataset->label(2), 9);
    }
  }
}

TEST_F(Idx, KnowsTheNamesWithADot) {
  test::write_bytes(dir_ / "train-images.idx3-ubyte", images_);
  test::write_bytes(dir_ / "train-labels.idx1-ubyte", labels_);
  const auto found = find_idx_split(dir_.path(), "train");
  EXPECT_EQ(found, dir_ / "train-images.idx3-ubyte");
  EXPECT_EQ(open_idx_dataset(found)->label(0), 7);
}

TEST_F(Idx, WorksWithoutLabels) {
  test::write_bytes(dir_ / "pictures", images_);
  EXPECT_FALSE(open_idx_dataset(dir_ / "pictures")->has_labels());
}

TEST_F(Idx, RefusesLabelsThatDoNotFit) {
  test::write_bytes(dir_ / "a-images-idx3-ubyte", images_);
  test::write_bytes(dir_ / "a-labels-idx1-ubyte", idx_bytes({2}, {0, 1}));
  EXPECT_THAT(error_of([&] { open_idx_dataset(dir_ / "a-images-idx3-ubyte"); }),
              HasSubstr("holds 3 samples, but 2 labels"));
  test::write_bytes(dir_ / "a-labels-idx1-ubyte", labels_);
  EXPECT_THAT(error_of([&] {
                open_idx_dataset(dir_ / "a-images-idx3-ubyte", {"one", "two"});
              }),
              HasSubstr("a label is 9, but there are 2 classes"));
  EXPECT_THAT(error_of([&] { open_idx_dataset(dir_ / "a-labels-idx1-ubyte"); }),
              HasSubstr("holds labels; give the file of images"));
}

TEST_F(Idx, RefusesMalformedHeaders) {
  EXPECT_THAT(error(Bytes("\0\0\x0d\x03", 4)), HasSubstr("unsupported: while reading"));
  EXPECT_THAT(error(Bytes("\1\0\x08\x03", 4)), HasSubstr("not an IDX file"));
  EXPECT_THAT(error(Bytes("\0\0\x08\x00", 4)), HasSubstr("0 axes"));
  EXPECT_THAT(error(Bytes("\0\0\x08\xff", 4)), HasSubstr("255 axes"));
  EXPECT_THAT(error(Bytes("\0\0\x08\x02\xff\xff\xff\xff\0\0\0\1", 12)), HasSubstr("axis 0"));
  EXPECT_THAT(error(idx_bytes({2000000000, 2000000000, 2000000000}, {})),
              HasSubstr("out of range"));
  EXPECT_THAT(error(gzip_bytes(idx_bytes({2000000, 1000}, {}))),
              HasSubstr("compressed bytes cannot hold as many"));
}

TEST_F(Idx, RefusesEveryTruncation) {
  for (const Bytes& whole : {images_, gzip_bytes(images_)}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_THAT(error(whole.substr(0, size)), HasSubstr("bad_file")) << size;
    }
    EXPECT_EQ(error(whole), "");
  }
}

TEST_F(Idx, RefusesDamagedAndTooLongGzip) {
  Bytes packed = gzip_bytes(images_);
  packed[packed.size() - 6] ^= 1;  // the checksum
  EXPECT_THAT(error(packed), HasSubstr("is damaged"));
  EXPECT_THAT(error(gzip_bytes(images_ + "more")), HasSubstr("more bytes than its header says"));
}

}  // namespace
}  // namespace smelt
