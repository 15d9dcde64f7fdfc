// Data types, shapes, op types and attributes.
#include <gtest/gtest.h>

#include <set>

#include "smelt/base/error.h"
#include "smelt/ir/attributes.h"
#include "smelt/ir/shape.h"

namespace smelt {
namespace {

TEST(DataType, NamesAndSizes) {
  for (int i = 0; i < kDataTypeCount; ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(data_type_from_name(name(type)), type);
  }
  EXPECT_EQ(storage_bytes(DataType::int4, 5), 3);
  EXPECT_EQ(storage_bytes(DataType::float32, 5), 20);
  EXPECT_THROW(storage_bytes(DataType::int64, INT64_MAX / 2), Error);
}

TEST(Shape, CountsElements) {
  EXPECT_EQ(Shape({}).elements(), 1);
  EXPECT_EQ(Shape({2, 0, 3}).elements(), 0);
  EXPECT_THROW(Shape({-1, 2}).elements(), Error);
  EXPECT_THROW(Shape({1 << 30, 1 << 30, 1 << 30}).elements(), Error);
  EXPECT_EQ(to_string(Shape{-1, 3}), "[?, 3]");
}

TEST(Shape, BroadcastsAsNumPyDoes) {
  EXPECT_EQ(broadcast({4, 1, 3}, {2, 1}), Shape({4, 2, 3}));
  EXPECT_EQ(broadcast({}, {5}), Shape({5}));
  EXPECT_EQ(broadcast({1}, {0}), Shape({0}));
  EXPECT_THROW(broadcast({2}, {3}), Error);
}

TEST(Shape, NormalizesAxes) {
  EXPECT_EQ(normalized_axis(-1, 4), 3);
  EXPECT_THROW(normalized_axis(4, 4), Error);
  EXPECT_THROW(normalized_axis(-5, 4), Error);
}

TEST(OpType, CodesAreUniqueAndFound) {
  std::set<int> codes;
  for (int i = 0; i < kOpTypeCount; ++i) {
    const auto type = static_cast<OpType>(i);
    EXPECT_EQ(op_type_from_name(name(type)), type);
    if (builtin_code(type) < 0) continue;
    EXPECT_TRUE(codes.insert(builtin_code(type)).second) << name(type);
    EXPECT_EQ(op_type_from_builtin_code(builtin_code(type)), type);
  }
  EXPECT_EQ(codes.size(), 209u);
  EXPECT_FALSE(op_type_from_builtin_code(127));
  EXPECT_FALSE(op_type_from_builtin_code(-1));
}

TEST(Attributes, DefaultsFitTheirOp) {
  for (int i = 0; i < kOpTypeCount; ++i) {
    const auto type = static_cast<OpType>(i);
    EXPECT_TRUE(attributes_fit(type, default_attributes(type)));
    EXPECT_TRUE(attributes_fit(type, OpaqueAttributes{}));
  }
  EXPECT_FALSE(attributes_fit(OpType::conv_2d, Pool2DAttributes{}));
}

TEST(Attributes, PrintAndCompareByField) {
  Attributes a = Pool2DAttributes{.padding = Padding::valid, .filter_h = 2, .filter_w = 3};
  EXPECT_EQ(to_string(a),
            "padding=valid stride_h=1 stride_w=1 filter_h=2 filter_w=3 activation=none");
  EXPECT_EQ(fused_activation(a), Activation::none);
  EXPECT_FALSE(fused_activation(Attributes(SoftmaxAttributes{})));
  EXPECT_NE(a, Attributes(Pool2DAttributes{}));
  EXPECT_EQ(to_string(Attributes(ReshapeAttributes{})), "new_shape=absent");
}

}  // namespace
}  // namespace smelt
