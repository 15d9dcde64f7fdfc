#include "smelt/formats/saved_model/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/base/random.h"
#include "smelt/formats/saved_model/bundle.h"
#include "smelt/formats/saved_model/snappy.h"
#include "smelt/formats/saved_model/test_table.h"

namespace smelt::saved_model {
namespace {

TEST(Crc32c, KnownValues) {
  // RFC 3720, B.4.
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0)), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xe3069283u);
}

TEST(Table, GivesWhatWasWritten) {
  const std::map<std::string, std::string> entries{
      {"", "header"}, {"layer/bias", "1"}, {"layer/kernel", std::string(1000, 'x')}, {"z", ""}};
  const std::string file = make_table(entries);
  const auto table = read_table(as_bytes(file));
  EXPECT_EQ((std::map<std::string, std::string>(table.begin(), table.end())), entries);
}

TEST(Snappy, LiteralsAndCopies) {
  // "abcd", then 8 bytes from 4 back, then 3 from 12 back.
  const std::vector<uint8_t> packed{15, 0x0c, 'a', 'b', 'c', 'd', 0x11, 4, 0x0a, 12, 0};
  const std::vector<uint8_t> plain = unpack_snappy(packed);
  EXPECT_EQ(std::string(plain.begin(), plain.end()), "abcdabcdabcdabc");
  for (size_t cut = 0; cut < packed.size(); ++cut) {
    EXPECT_THROW(unpack_snappy(ByteView(packed).first(cut)), Error);
  }
  EXPECT_THROW(unpack_snappy(std::vector<uint8_t>{4, 0x01, 4}), Error);
  EXPECT_THROW(unpack_snappy(std::vector<uint8_t>{0xff, 0xff, 0xff, 0xff, 0x0f, 0}), Error);
}

TEST(Table, DamagedFilesAreErrors) {
  const std::string file = make_table({{"", "header"}, {"a", "b"}, {"ab", std::string(50, 'c')}});
  for (size_t cut = 0; cut < file.size(); ++cut) {
    EXPECT_THROW(read_table(as_bytes(file).first(cut)), Error) << cut;
  }
  Random random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = file;
    const size_t at = random.below(damaged.size());
    damaged[at] = static_cast<char>(random.below(256));
    try {
      read_table(as_bytes(damaged));
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal);
    }
  }
}

TEST(Slices, KeysAreThoseOfTensorFlow) {
  // checkpoint::EncodeTensorNameSlice("w", {0,2:-}) and of larger and negative numbers.
  using namespace std::string_literals;
  EXPECT_EQ(slice_key("w", {{0, 0}, {2, -1}}), "\x00w\x00\x01\x01\x02\x80\x82\x80\x7f"s);
  EXPECT_EQ(slice_key("w", {{64}, {1000}}), "\x00w\x00\x01\x01\x01\xc0\x40\xc3\xe8"s);
}

TEST(Slices, AreReadFromText) {
  const Box box = parse_slice("4 8 0,2:-");
  EXPECT_THAT(box.start, testing::ElementsAre(0, 0));
  EXPECT_THAT(box.length, testing::ElementsAre(2, -1));
  EXPECT_THROW(parse_slice("4 x,2"), Error);
}

}  // namespace
}  // namespace smelt::saved_model
