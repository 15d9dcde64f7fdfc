#include "smelt/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace smelt {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "smelt_file_test_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  size_t files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(FileTest, WritesWholeFilesAndMapsThem) {
  const fs::path path = folder_ / "a";
  write_file(path, as_bytes(std::string_view("hello")));
  EXPECT_EQ(read_text_file(path), "hello");
  EXPECT_EQ(MappedFile::open(path)->bytes().size(), 5u);
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileTest, WithoutCommitTheOldFileStaysAndNothingIsLeft) {
  const fs::path path = folder_ / "a";
  write_file(path, as_bytes(std::string_view("old")));
  {
    AtomicFile file(path);
    file.write(as_bytes(std::string_view("half of the new")));
  }
  EXPECT_EQ(read_text_file(path), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileTest, AnEmptyFileMapsToNothing) {
  write_file(folder_ / "empty", {});
  EXPECT_TRUE(MappedFile::open(folder_ / "empty")->bytes().empty());
}

TEST_F(FileTest, MissingFilesAndFoldersAreIoErrorsThatNameThePath) {
  for (const fs::path& path : {folder_ / "missing", folder_}) {
    try {
      MappedFile::open(path);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::io);
      EXPECT_THAT(error.what(), testing::HasSubstr(path.string()));
    }
  }
}

TEST_F(FileTest, AFolderThatDoesNotExistCannotBeWrittenTo) {
  EXPECT_THROW(write_file(folder_ / "no" / "a", {}), Error);
}

}  // namespace
}  // namespace smelt
