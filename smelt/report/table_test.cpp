#include "smelt/report/table.h"

#include <gtest/gtest.h>

namespace smelt {
namespace {

TEST(Table, NumbersGoRightWordsGoLeft) {
  Table table({"model", "bytes"});
  table.add({"float", "312,000"});
  table.add({"int8", "92,004"});
  EXPECT_EQ(table.text(),
            "model    bytes\n"
            "--------------\n"
            "float  312,000\n"
            "int8    92,004\n");
}

TEST(Table, CutsTheWidestTextColumnToTheWidth) {
  Table table({"layer", "macs"});
  table.add({"a_very_long_layer_name_indeed", "1,000"});
  EXPECT_EQ(table.text(20),
            "layer           macs\n"
            "--------------------\n"
            "a_very_lon...  1,000\n");
}

TEST(Table, AnEmptyTableIsItsHeader) { EXPECT_EQ(Table({"a", "b"}).text(), "a  b\n----\n"); }

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(96200), "96.2 KB");
  EXPECT_EQ(format_bytes(2716056), "2.72 MB");
}

TEST(Format, Count) {
  EXPECT_EQ(format_count(7), "7");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-123), "-123");
  EXPECT_EQ(format_count(-1234), "-1,234");
}

}  // namespace
}  // namespace smelt
