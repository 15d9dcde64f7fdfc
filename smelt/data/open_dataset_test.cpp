#include "smelt/data/open_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/data/known_datasets.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::error_of;
using test::idx_bytes;
using test::make_array;
using test::npy_bytes;
using testing::HasSubstr;

class OpenDataset : public testing::Test {
 protected:
  DatasetPtr open(std::string_view name, const DatasetOptions& options = {}) {
    return open_dataset((dir_ / name).string(), options);
  }
  std::string error(std::string_view name) {
    return error_of([&] { open(name); });
  }
  void write(std::string_view name, std::string_view bytes) {
    test::write_bytes(dir_ / name, bytes);
  }

  test::TempDir dir_;
  std::string npy_ = npy_bytes(make_array<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  std::string images_ = idx_bytes({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  std::string labels_ = idx_bytes({2}, {3, 1});
};

TEST_F(OpenDataset, DetectsFilesByContent) {
  write("a", npy_);
  write("b", test::zip_bytes({{"x.npy", npy_}}));
  write("c", images_);
  write("d", test::gzip_bytes(images_));
  write("e.bin", std::string(3073 * 2, '\0'));
  for (const char* name : {"a", "b", "c", "d", "e.bin"}) EXPECT_EQ(open(name)->size(), 2) << name;
  write("a:b", npy_);
  EXPECT_EQ(open("a:b")->size(), 2);
}

TEST_F(OpenDataset, OpensPartsOfFoldersAndFiles) {
  write("m/t10k-images-idx3-ubyte", images_);
  write("m/t10k-labels-idx1-ubyte", labels_);
  EXPECT_EQ(open("m:test")->label(0), 3);
  EXPECT_THAT(error("m:train"), HasSubstr("has no part 'train'"));
  EXPECT_THAT(error("m"), HasSubstr("holds parts; write"));
  write("i/train/a/1.png", test::png_bytes(test::make_image(2, 2, 3)));
  write("i/train/b/1.png", test::png_bytes(test::make_image(2, 2, 3)));
  EXPECT_EQ(open("i:train")->class_count(), 2);
  EXPECT_EQ(open("i/train")->class_count(), 2);
  EXPECT_THAT(error("i"), HasSubstr("i:train"));
  write("k.npz", test::zip_bytes({{"x_test.npy", npy_}}));
  EXPECT_EQ(open("k.npz:test")->size(), 2);
  write("a.npy", npy_);
  EXPECT_THAT(error("a.npy:test"), HasSubstr("leave ':test' away"));
}

TEST_F(OpenDataset, PreprocessesAsAsked) {
  write("c", images_);
  DatasetOptions options;
  options.preprocessing.range = ValueRange::zero_to_1;
  std::vector<float> values(4);
  open("c", options)->read(0, 0, values);
  EXPECT_FLOAT_EQ(values[3], 4.0f / 255.0f);
}

TEST_F(OpenDataset, SaysWhatIsWrong) {
  EXPECT_THAT(error("none"), HasSubstr("there is no file or folder"));
  EXPECT_THAT(error("none:test"), HasSubstr("known: cifar10, fashion-mnist"));
  EXPECT_THAT(error_of([] { open_dataset(""); }), HasSubstr("empty"));
  EXPECT_THAT(error_of([] { open_dataset("cifar10"); }), HasSubstr("write cifar10:train or"));
  EXPECT_THAT(error_of([] { open_dataset("cifar10:valid"); }), HasSubstr("no part 'valid'"));
  write("a.txt", "some text");
  EXPECT_THAT(error("a.txt"), HasSubstr("unsupported"));
  write("a.npz", "some text");
  EXPECT_THAT(error("a.npz"), HasSubstr("bad_file"));
  write("a.npy", "");
  EXPECT_THAT(error("a.npy"), HasSubstr("bad_file"));
  write("a.png", test::png_bytes(test::make_image(2, 2, 3)));
  EXPECT_THAT(error("a.png"), HasSubstr("is one image; give a folder"));
  std::filesystem::create_directories(dir_ / "empty");
  EXPECT_THAT(error("empty"), HasSubstr("holds no data set"));
  EXPECT_THAT(error_of([&] { open_dataset(std::string(5000, 'a')); }), HasSubstr("io"));
}

TEST_F(OpenDataset, FindsKnownDataSetsInTheCache) {
  const test::ScopedVariable cache("SMELT_CACHE", dir_.path().c_str());
  write("fashion-mnist/train-images-idx3-ubyte.gz", test::gzip_bytes(images_));
  write("fashion-mnist/train-labels-idx1-ubyte.gz", test::gzip_bytes(labels_));
  const DatasetPtr fashion = open_dataset("fashion-mnist:train");
  EXPECT_EQ(fashion->size(), 2);
  EXPECT_EQ(fashion->class_names()[9], "Ankle boot");
  EXPECT_EQ(fashion->class_count(), 10);
  EXPECT_THAT(error_of([] { open_dataset("cifar10:test"); }),
              HasSubstr("io: cifar10 is not on this machine; run: smelt data fetch cifar10"));
  write("cifar10/cifar-10-batches-bin/test_batch.bin", std::string(3073, '\1'));
  EXPECT_EQ(open_dataset("cifar10:test")->label(0), 1);
}

TEST(CacheFolder, FollowsTheEnvironment) {
  const test::ScopedVariable home("HOME", "/home/me");
  const test::ScopedVariable xdg("XDG_CACHE_HOME", nullptr);
  const test::ScopedVariable own("SMELT_CACHE", nullptr);
  EXPECT_EQ(cache_folder(), "/home/me/.cache/smelt");
  const test::ScopedVariable other_xdg("XDG_CACHE_HOME", "/x");
  EXPECT_EQ(cache_folder(), "/x/smelt");
  const test::ScopedVariable other_own("SMELT_CACHE", "/own");
  EXPECT_EQ(cache_folder(), "/own");
}

}  // namespace
}  // namespace smelt
