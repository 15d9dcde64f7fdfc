#include "smelt/base/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/base/base64.h"

namespace smelt {
namespace {

TEST(InRange, NeverOverflows) {
  EXPECT_TRUE(in_range(0, 10, 10));
  EXPECT_TRUE(in_range(10, 0, 10));
  EXPECT_FALSE(in_range(1, 10, 10));
  EXPECT_FALSE(in_range(UINT64_MAX, 2, 10));
  EXPECT_FALSE(in_range(2, UINT64_MAX, 10));
}

TEST(CheckedMul, RefusesNegativeFactorsAndOverflow) {
  EXPECT_EQ(checked_mul(1 << 20, 1 << 20, "size"), int64_t{1} << 40);
  EXPECT_THROW(checked_mul(-1, 5, "size"), Error);
  EXPECT_THROW(checked_mul(int64_t{1} << 40, int64_t{1} << 40, "size"), Error);
}

TEST(ByteReader, ReadsLittleEndianAndNamesWhatIsCut) {
  const std::vector<uint8_t> bytes = {0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x08, 0x03, 0xff};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read<uint32_t>("magic"), 0x04030201u);
  EXPECT_EQ(reader.read_u32_be("kind"), 0x803u);
  EXPECT_EQ(reader.remaining(), 1u);
  try {
    reader.read<uint16_t>("the count");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_file);
    EXPECT_THAT(error.what(), testing::HasSubstr("the count"));
  }
}

TEST(Error, ContextStandsInFront) {
  try {
    with_context([] { return std::string("while reading a.tflite"); },
                 [] { fail(ErrorKind::bad_file, "stride is {}", 0); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "while reading a.tflite: stride is 0");
  }
}

TEST(Error, BrokenInvariantsAreInternal) {
  try {
    SMELT_CHECK(1 + 1 == 3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
  }
}

// The vectors of RFC 4648.
TEST(Base64, IsThatOfTheStandard) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(bytes)), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(from_base64(to_base64(as_bytes(all))), all);
  EXPECT_EQ(from_base64("-_8"), from_base64("+/8="));
  EXPECT_THROW(from_base64("Zm9v!"), Error);
}

}  // namespace
}  // namespace smelt
