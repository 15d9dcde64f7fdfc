#include "smelt/data/npz_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include "smelt/base/parallel.h"
#include "smelt/data/npz.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::error_of;
using test::make_array;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(NpzWriter, WritesArraysThatTheReaderStreams) {
  test::TempDir dir;
  const Array a = make_array<float>({2, 2}, {1, 2, 3, 4});
  const Array b = make_array<int8_t>({}, {-3});
  const Array c = make_array<int64_t>({0, 3}, {});
  NpzWriter writer(dir / "out.npz");
  writer.add("a", a);
  writer.add("b", b);
  writer.add("c", c);
  EXPECT_FALSE(std::filesystem::exists(dir / "out.npz"));
  writer.commit();
  const auto file = NpzFile::open(dir / "out.npz");
  EXPECT_THAT(file->keys(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(file->read("a"), a);
  EXPECT_EQ(file->read("b"), b);
  EXPECT_EQ(file->read("c"), c);
  EXPECT_EQ(file->rows("a").read_all(), a);
}

TEST(NpzWriter, WritesRowsOfSeveralArraysInAnyOrderFromSeveralThreads) {
  test::TempDir dir;
  constexpr int kRows = 500;
  NpzWriter writer(dir / "out.npz");
  const int squares = writer.add("out0", DataType::int32, {kRows, 2});
  const int names = writer.add("out1", DataType::uint8, {kRows});
  parallel_for(kRows, 4, [&](int, int64_t i) {
    const int64_t row = (i * 77) % kRows;
    const std::vector<int32_t> values = {static_cast<int32_t>(row),
                                         static_cast<int32_t>(row * row)};
    writer.write(squares, row, as_bytes(std::span<const int32_t>(values)));
    const auto byte = static_cast<uint8_t>(row);
    writer.write(names, row, {&byte, 1});
  });
  writer.commit();
  const auto file = NpzFile::open(dir / "out.npz");
  const Array read = file->read("out0");
  const auto values = read.data.as<int32_t>();
  for (int row = 0; row < kRows; ++row) {
    EXPECT_EQ(values[2 * static_cast<size_t>(row)], row);
    EXPECT_EQ(values[2 * static_cast<size_t>(row) + 1], row * row);
  }
  EXPECT_EQ(file->read("out1").data.bytes()[300], 300 - 256);
}

TEST(NpzWriter, WritesAnArchiveThatLibzipFindsConsistent) {
  test::TempDir dir;
  NpzWriter writer(dir / "out.npz");
  writer.add("a", make_array<float>({1}, {1}));
  writer.commit();
  int code = 0;
  zip_t* archive = zip_open((dir / "out.npz").c_str(), ZIP_RDONLY, &code);
  ASSERT_NE(archive, nullptr);
  zip_stat_t stat;
  ASSERT_EQ(zip_stat(archive, "a.npy", 0, &stat), 0);
  EXPECT_EQ(stat.size, 132u);
  EXPECT_EQ(stat.comp_size, 132u);
  zip_discard(archive);
}

TEST(NpzWriter, GivesTheSameBytesForTheSameArrays) {
  test::TempDir dir;
  for (const char* name : {"one.npz", "two.npz"}) {
    NpzWriter writer(dir / name);
    writer.add("a", make_array<float>({1}, {1}));
    writer.commit();
  }
  EXPECT_EQ(test::read_bytes(dir / "one.npz"), test::read_bytes(dir / "two.npz"));
}

TEST(NpzWriter, LeavesNothingWithoutCommit) {
  test::TempDir dir;
  test::write_bytes(dir / "out.npz", "old");
  {
    NpzWriter writer(dir / "out.npz");
    writer.add("a", make_array<float>({1}, {1}));
  }
  EXPECT_EQ(test::read_bytes(dir / "out.npz"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(NpzWriter, RefusesKeysTwiceAndUnwritableFolders) {
  test::TempDir dir;
  NpzWriter writer(dir / "out.npz");
  writer.add("a", make_array<float>({1}, {1}));
  EXPECT_THAT(error_of([&] { writer.add("a", DataType::float32, {1}); }), HasSubstr("twice"));
  EXPECT_THAT(error_of([&] { writer.add("b", DataType::bfloat16, {1}); }),
              HasSubstr("NumPy has no"));
  EXPECT_THAT(error_of([&] { NpzWriter other(dir / "none" / "out.npz"); }),
              HasSubstr("io: cannot write"));
}

TEST(NpzWriter, KnowsARowThatWasNotWritten) {
  test::TempDir dir;
  NpzWriter writer(dir / "out.npz");
  writer.add("a", DataType::float32, {2});
  EXPECT_THAT(error_of([&] { writer.commit(); }), HasSubstr("internal"));
}

}  // namespace
}  // namespace smelt
