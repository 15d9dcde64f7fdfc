#include "smelt/report/tensorboard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "smelt/base/crc32c.h"

namespace smelt {
namespace {

class TensorBoard : public testing::Test {
 protected:
  TensorBoard() { std::filesystem::create_directories(folder_); }
  ~TensorBoard() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      fmt::format("smelt_events_{}", testing::UnitTest::GetInstance()->random_seed() +
                                         reinterpret_cast<uintptr_t>(this));
};

/// The events of a file; every checksum is compared.
std::vector<std::string> records(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ByteReader reader(as_bytes(bytes));
  std::vector<std::string> found;
  while (reader.remaining() > 0) {
    const ByteView header = reader.take(8, "length");
    const auto length = ByteReader(header).read<uint64_t>("length");
    EXPECT_EQ(reader.read<uint32_t>("crc"), masked_crc32c(crc32c(header)));
    const ByteView content = reader.take(length, "event");
    EXPECT_EQ(reader.read<uint32_t>("crc"), masked_crc32c(crc32c(content)));
    found.emplace_back(content.begin(), content.end());
  }
  return found;
}

TEST_F(TensorBoard, WritesEventsOfTheFormat) {
  std::filesystem::path path;
  {
    EventFile file(folder_, 2.0);
    file.add_scalars(300, 4.0, {{"loss", 0.5}});
    path = file.path();
  }
  EXPECT_EQ(path.filename(), "events.out.tfevents.0000000002.smelt");
  using namespace std::string_literals;
  const std::string two = "\x09\0\0\0\0\0\0\0\x40"s, four = "\x09\0\0\0\0\0\0\x10\x40"s;
  const std::vector<std::string> expected = {
      two + "\x1a\x0d" + "brain.Event:2",
      four + "\x10\xac\x02" + "\x2a\x0d" + "\x0a\x0b" + "\x0a\x04loss" + "\x15\0\0\0\x3f"s};
  EXPECT_EQ(records(path), expected);
}

TEST_F(TensorBoard, RunsOfOneSecondHaveTheirOwnFiles) {
  const EventFile first(folder_, 2.0), second(folder_, 2.0);
  EXPECT_NE(first.path(), second.path());
}

TEST_F(TensorBoard, HistogramsCountFiniteValues) {
  EventFile file(folder_, 2.0);
  const std::vector<float> values{1, 2, 3, NAN, INFINITY};
  file.add_histogram(1, 3.0, "kernel", values);
  file.add_histogram(2, 3.0, "same", std::vector<float>(4, 1.0f));
  file.add_histogram(3, 3.0, "empty", {});
  const std::vector<std::string> found = records(file.path());
  ASSERT_EQ(found.size(), 4u);
  using namespace std::string_literals;
  EXPECT_NE(found[1].find("\x19\0\0\0\0\0\0\x08\x40"s), std::string::npos) << "3 values";
}

}  // namespace
}  // namespace smelt
