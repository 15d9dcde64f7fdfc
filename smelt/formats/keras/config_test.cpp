#include "smelt/formats/keras/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/formats/keras/test_model.h"

namespace smelt::keras {
namespace {

using test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Config, ReadsWhatKerasWrites) {
  const Json json = parse_json(R"({"units": 3, "rate": 0.25, "use_bias": false, "scale": 1,
      "one": [5], "both": 2, "pair": [2, 3], "none": null, "whole": 4.0,
      "numpy": {"class_name": "__numpy__", "value": 0.5, "dtype": "float32"},
      "wrapped": {"class_name": "float32", "config": {"value": 1.5}}})");
  const Config config(json);
  EXPECT_EQ(config.integer("units"), 3);
  EXPECT_EQ(config.integer("whole"), 4);
  EXPECT_EQ(config.number("rate", 0), 0.25f);
  EXPECT_EQ(config.number("numpy", 0), 0.5f);
  EXPECT_EQ(config.number("wrapped", 0), 1.5f);
  EXPECT_FALSE(config.boolean("use_bias", true));
  EXPECT_TRUE(config.boolean("scale", false));
  EXPECT_TRUE(config.boolean("absent", true));
  EXPECT_THAT(config.pair("one"), ElementsAre(5, 5));
  EXPECT_THAT(config.pair("both"), ElementsAre(2, 2));
  EXPECT_THAT(config.pair("pair"), ElementsAre(2, 3));
  EXPECT_FALSE(config.has("none"));
  EXPECT_EQ(config.integer_or("none", 7), 7);
}

TEST(Config, TakesPythonsNumbersAsAbsent) {
  const Json json = parse_json(R"({"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \" Infinity"})");
  EXPECT_FALSE(Config(json).has("a"));
  EXPECT_EQ(json["b"].size(), 2u);
  EXPECT_EQ(Config(json).string("c"), "NaN \" Infinity");
}

TEST(Config, NamesTheKeyThatIsWrong) {
  const Json json =
      parse_json(R"({"units": "three", "negative": -1, "huge": 1e300, "list": [1, 2, 3],
      "fraction": 1.5, "large": 18446744073709551615})");
  const Config config(json);
  EXPECT_THAT(message_of([&] { config.integer("units"); }),
              HasSubstr("bad_file: \"units\" is not an integer"));
  EXPECT_THAT(message_of([&] { config.integer("negative"); }), HasSubstr("\"negative\" is -1"));
  EXPECT_THAT(message_of([&] { config.integer("huge"); }), HasSubstr("\"huge\" is not an integer"));
  EXPECT_THAT(message_of([&] { config.integer("large"); }), HasSubstr("\"large\""));
  EXPECT_THAT(message_of([&] { config.integer("fraction"); }), HasSubstr("\"fraction\""));
  EXPECT_THAT(message_of([&] { config.number("huge", 0); }), HasSubstr("\"huge\" is out of range"));
  EXPECT_THAT(message_of([&] { config.pair("list"); }), HasSubstr("\"list\" has 3 values"));
  EXPECT_THAT(message_of([&] { config.string("absent"); }), HasSubstr("\"absent\" is missing"));
}

TEST(Config, RefusesMalformedText) {
  EXPECT_THAT(message_of([] { parse_json("{"); }), HasSubstr("bad_file: model configuration"));
  EXPECT_THAT(message_of([] { parse_json(std::string(1000, '[')); }), HasSubstr("levels deep"));
  EXPECT_THAT(message_of([] { parse_json(std::string(20 << 20, ' ')); }), HasSubstr("too many"));
}

}  // namespace
}  // namespace smelt::keras
