#include "smelt/data/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "smelt/data/convert.h"
#include "smelt/data/test_files.h"

namespace smelt {
namespace {

using test::Bytes;
using test::error_of;
using test::make_array;
using test::npy_bytes;
using test::npy_with_header;
using testing::HasSubstr;

class Npy : public testing::Test {
 protected:
  Array read(const Bytes& bytes) {
    test::write_bytes(dir_ / "a.npy", bytes);
    return read_npy(dir_ / "a.npy");
  }
  std::string error(const Bytes& bytes) {
    return error_of([&] { read(bytes); });
  }
  std::string header_error(std::string_view dict) { return error(npy_with_header(dict, "1234")); }

  template <class T>
  void expect_round_trip(const std::vector<T>& values) {
    const Array array = make_array<T>(Shape{static_cast<int32_t>(values.size())}, values);
    write_npy(dir_ / "a.npy", array);
    EXPECT_EQ(read_npy(dir_ / "a.npy"), array) << name(array.type);
  }

  test::TempDir dir_;
};

TEST_F(Npy, RoundTripsEveryType) {
  expect_round_trip<float>({1.5f, -0.0f, 3e38f});
  expect_round_trip<double>({1.5, -2e300});
  expect_round_trip<int8_t>({-128, 127});
  expect_round_trip<uint8_t>({0, 255});
  expect_round_trip<int16_t>({-32768, 32767});
  expect_round_trip<uint16_t>({0, 65535});
  expect_round_trip<int32_t>({std::numeric_limits<int32_t>::min(), 7});
  expect_round_trip<uint32_t>({0, 4000000000u});
  expect_round_trip<int64_t>({std::numeric_limits<int64_t>::min(), 7});
  expect_round_trip<uint64_t>({0, std::numeric_limits<uint64_t>::max()});
  const Array half{DataType::float16, {2}, Buffer::of<uint16_t>({0x3c00, 0xc000})};
  write_npy(dir_ / "h.npy", half);
  EXPECT_EQ(read_npy(dir_ / "h.npy"), half);
  const Array flags{DataType::boolean, {2}, Buffer::of<uint8_t>({0, 1})};
  write_npy(dir_ / "b.npy", flags);
  EXPECT_EQ(read_npy(dir_ / "b.npy"), flags);
}

TEST_F(Npy, WritesTheHeaderThatNumPyWrites) {
  const std::string header = make_npy_header(DataType::float32, Shape{2, 3});
  EXPECT_EQ(header.size(), 128u);
  EXPECT_EQ(header.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_THAT(header, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  "));
  EXPECT_EQ(header.back(), '\n');
  EXPECT_THAT(make_npy_header(DataType::uint8, Shape{5}), HasSubstr("'|u1'"));
  EXPECT_THAT(make_npy_header(DataType::boolean, Shape{5}), HasSubstr("'shape': (5,), }"));
  EXPECT_THAT(make_npy_header(DataType::int64, Shape{}), HasSubstr("'shape': (), }"));
  EXPECT_THAT(error_of([] { make_npy_header(DataType::bfloat16, Shape{1}); }),
              HasSubstr("unsupported: NumPy has no type for bfloat16"));
}

TEST_F(Npy, ReadsVersionsAndSpellingsOfOthers) {
  const Array expected = make_array<uint8_t>({2, 2}, {'1', '2', '3', '4'});
  const std::string dict = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }\n";
  EXPECT_EQ(read(npy_with_header(dict, "1234", 1)), expected);
  EXPECT_EQ(read(npy_with_header(dict, "1234", 2)), expected);
  EXPECT_EQ(read(npy_with_header(dict, "1234", 3)), expected);
  EXPECT_EQ(read(npy_with_header("{\"shape\":(2L,2L),\"fortran_order\":False,\"descr\":\"<u1\"}   ",
                                 "1234")),
            expected);
  EXPECT_EQ(read(npy_with_header(dict, "1234 and more that NumPy ignores")), expected);
}

TEST_F(Npy, ConvertsFortranOrder) {
  const std::string dict = "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3, 2)}";
  std::vector<int16_t> stored, expected(12);
  for (int16_t i = 0; i < 12; ++i) stored.push_back(i);
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 2; ++k)
        expected[i * 6 + j * 2 + k] = static_cast<int16_t>(i + 2 * j + 6 * k);
    }
  }
  const Bytes data(reinterpret_cast<const char*>(stored.data()), 24);
  EXPECT_EQ(read(npy_with_header(dict, data)), make_array<int16_t>({2, 3, 2}, expected));
  EXPECT_EQ(read(npy_with_header("{'descr': '<i2', 'fortran_order': True, 'shape': (0, 3)}", "")),
            make_array<int16_t>({0, 3}, {}));
}

TEST_F(Npy, ReadsScalarsAndEmptyArrays) {
  EXPECT_EQ(read(npy_bytes(make_array<float>({}, {2.5f}))), make_array<float>({}, {2.5f}));
  EXPECT_EQ(read(npy_bytes(make_array<float>({0, 7}, {}))), make_array<float>({0, 7}, {}));
}

TEST_F(Npy, RefusesWhatItCannotReadWithTheReason) {
  EXPECT_THAT(header_error("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("big-endian (dtype '>f4'); save it with .astype('<f4')"));
  EXPECT_THAT(header_error("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("unsupported: while reading"));
  EXPECT_THAT(header_error("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("Python objects"));
  EXPECT_THAT(header_error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("structured"));
  EXPECT_THAT(header_error("{'descr': '<U5', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("dtype '<U5' is not one of"));
  EXPECT_THAT(header_error("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}"),
              HasSubstr("'<c8'"));
  EXPECT_THAT(header_error("{'descr': '<f4', 'fortran_order': False, 'shape': (3000000000,)}"),
              HasSubstr("longer than 2147483647"));
  Bytes version = npy_bytes(make_array<float>({1}, {1}));
  version[6] = 9;
  EXPECT_THAT(error(version), HasSubstr(".npy version 9.0 is unknown"));
}

TEST_F(Npy, RefusesMalformedHeaders) {
  for (const char* dict :
       {"", "{", "{}", "[]", "{'descr': '<f4'}", "{'descr' '<f4'}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999,99999,99999,99999,99999)}"}) {
    EXPECT_THAT(header_error(dict), HasSubstr("bad_file: while reading")) << dict;
  }
  EXPECT_THAT(error("not an array at all"), HasSubstr("it is not a .npy array"));
  EXPECT_THAT(error(""), HasSubstr("it is not a .npy array"));
  Bytes huge =
      npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "1234", 2);
  huge[11] = '\x7f';
  EXPECT_THAT(error(huge), HasSubstr("the .npy header claims"));
}

TEST_F(Npy, RefusesEveryTruncation) {
  const Bytes whole = npy_bytes(make_array<float>({3}, {1, 2, 3}));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(error(whole.substr(0, size)), HasSubstr("bad_file")) << size;
  }
  EXPECT_EQ(error(whole), "");
}

TEST_F(Npy, NamesMissingFilesAndFolders) {
  EXPECT_THAT(error_of([&] { read_npy(dir_ / "none.npy"); }), HasSubstr("io: cannot open"));
  EXPECT_THAT(error_of([&] { read_npy(dir_.path()); }), HasSubstr("it is a folder"));
}

TEST(Rows, ReadRangesOfRowsFromTheFile) {
  test::TempDir dir;
  write_npy(dir / "a.npy", make_array<int16_t>({4, 2}, {0, 1, 2, 3, 4, 5, 6, 7}));
  const Rows rows = open_npy(dir / "a.npy");
  EXPECT_EQ(rows.count(), 4);
  EXPECT_EQ(rows.row_shape(), (Shape{2}));
  EXPECT_EQ(rows.row_bytes(), 4u);
  std::vector<float> values(4);
  rows.read_float(1, 2, values);
  EXPECT_THAT(values, testing::ElementsAre(2, 3, 4, 5));
  std::vector<uint8_t> raw(4);
  rows.read(3, 1, raw);
  EXPECT_THAT(raw, testing::ElementsAre(6, 0, 7, 0));
  EXPECT_EQ(rows.with_shape({2, 4}).row_shape(), (Shape{4}));
}

TEST(Convert, EveryTypeToFloat) {
  const auto convert = [](DataType type, const Buffer& data, size_t count) {
    std::vector<float> values(count);
    to_float(type, data.bytes(), values);
    return values;
  };
  EXPECT_THAT(convert(DataType::float16, Buffer::of<uint16_t>({0x3c00, 0xc000}), 2),
              testing::ElementsAre(1, -2));
  EXPECT_THAT(convert(DataType::float64, Buffer::of<double>({0.1, -2}), 2),
              testing::ElementsAre(0.1f, -2));
  EXPECT_THAT(convert(DataType::int8, Buffer::of<int8_t>({-128, 5}), 2),
              testing::ElementsAre(-128, 5));
  EXPECT_THAT(convert(DataType::uint64, Buffer::of<uint64_t>({uint64_t{1} << 40}), 1),
              testing::ElementsAre(0x1p40f));
  EXPECT_THAT(convert(DataType::boolean, Buffer::of<uint8_t>({0, 7}), 2),
              testing::ElementsAre(0, 1));
  EXPECT_THAT(
      error_of([] { to_int64(DataType::uint64, Buffer::of<uint64_t>({~uint64_t{0}}).bytes()); }),
      HasSubstr("out of range"));
}

}  // namespace
}  // namespace smelt
