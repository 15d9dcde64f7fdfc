#include "smelt/kernels/custom.h"

#include <gtest/gtest.h>

#include <cmath>

#include "smelt/kernels/test_custom.h"

namespace smelt {
namespace {

TEST(Custom, UnknownOpsAreNamed) {
  TestOp op = custom_op("Flambe");
  op.input<float>({1}, {1}).output<float>({1});
  try {
    op.prepare();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(std::string(error.what()).find("'Flambe' has no kernel"), std::string::npos);
  }
}

TEST(Custom, DamagedOptionsAreRejected) {
  TestRandom random(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> options;
    for (int k = random.between(1, 24); k > 0; --k) {
      options.push_back(static_cast<uint8_t>(random.below(256)));
    }
    TestOp op(OpType::custom, CustomAttributes{.code = "SignalWindow", .options = options});
    op.input<int16_t>({2}, {1, 2}).input<int16_t>({2}, {1, 2}).output<int16_t>({2});
    try {
      op.prepare();
    } catch (const Error&) {
    }
  }
}

TEST(TransposeConvBias, EqualsTransposeConv) {
  const std::vector<uint8_t> same_stride_2 = {1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0};
  TestOp op(OpType::custom,
            CustomAttributes{.code = "Convolution2DTransposeBias", .options = same_stride_2});
  op.input<float>({1, 1, 2, 1}, {1, 2}).constant<float>({1, 2, 2, 1}, {1, 10, 100, 1000});
  op.constant<float>({1}, {0.5f}).output<float>({1, 2, 4, 1});
  const std::vector<float> expected = {1.5f, 10.5f, 2.5f, 20.5f, 100.5f, 1000.5f, 200.5f, 2000.5f};
  EXPECT_EQ(op.run<float>(), expected);
  TestOp wrong(OpType::custom, CustomAttributes{.code = "Convolution2DTransposeBias"});
  wrong.input<float>({1, 1, 2, 1}, {1, 2}).constant<float>({1, 2, 2, 1}, {1, 10, 100, 1000});
  wrong.constant<float>({1}, {0.5f}).output<float>({1, 2, 4, 1});
  EXPECT_ERROR(bad_file, wrong.prepare());
}

// --- decoding

std::vector<uint8_t> description(uint8_t kind, uint8_t field5, uint8_t field6,
                                 std::vector<uint8_t> table) {
  std::vector<uint8_t> bytes = {kind, 1, 0, 0, 1, field5, field6};
  bytes.resize(16);
  bytes.insert(bytes.end(), table.begin(), table.end());
  return bytes;
}

TestOp decode_op(std::vector<uint8_t> codes, std::vector<uint8_t> head) {
  TestOp op = custom_op("TFLM_DECODE");
  op.constant<uint8_t>({static_cast<int32_t>(codes.size())}, codes);
  op.constant<uint8_t>({static_cast<int32_t>(head.size())}, head);
  return op;
}

TEST(Decode, LookupTableByChannel) {
  TestOp op =
      decode_op({0b00011011, 0b11100100}, description(0, 2, 4, {1, 2, 3, 4, 11, 12, 13, 14}));
  op.output<int8_t>({2, 4}, {.scale = {1, 2}, .zero_point = {0, 0}, .axis = 0});
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{1, 2, 3, 4, 14, 13, 12, 11}));
  TestOp alternating =
      decode_op({0b00011011, 0b11100100}, description(0, 2, 4, {1, 2, 3, 4, 11, 12, 13, 14}));
  alternating.output<int8_t>({4, 2}, {.scale = {1, 2}, .zero_point = {0, 0}, .axis = 1});
  EXPECT_EQ(alternating.run<int8_t>(), (std::vector<int8_t>{1, 12, 3, 14, 4, 13, 2, 11}));
}

TEST(Decode, PrunedValues) {
  TestOp op = decode_op({0b10010000}, description(2, 0, 0, {7, 8}));
  op.output<int8_t>({4}, Quantization::per_tensor(1, -3));
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{7, -3, -3, 8}));
}

TEST(Decode, HuffmanCodes) {
  // Codes 0 -> 5, 10 -> 6, 11 -> 7 in one table of two bits; code 0 gives one bit back.
  const auto entry = [](int too_many, int symbol) {
    const int value = 0x8000 | too_many << 11 | symbol;
    return std::vector<uint8_t>{static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8)};
  };
  std::vector<uint8_t> table;
  for (const auto& e : {entry(1, 5), entry(1, 5), entry(2, 6), entry(2, 7)}) {
    table.insert(table.end(), e.begin(), e.end());
  }
  TestOp op = decode_op({0b01011001, 0, 0, 0}, description(1, 1 << 4, 0, table));
  op.output<int8_t>({5}, Quantization::per_tensor(1, 0));
  EXPECT_EQ(op.run<int8_t>(), (std::vector<int8_t>{5, 6, 7, 5, 5}));
}

TEST(Decode, RejectsDamagedTables) {
  const auto prepare = [](std::vector<uint8_t> codes, std::vector<uint8_t> head) {
    TestOp op = decode_op(std::move(codes), std::move(head));
    op.output<int8_t>({8}, Quantization::per_tensor(1, 0));
    return op.prepare();
  };
  EXPECT_NO_THROW(prepare({0, 0}, description(0, 2, 0, {1, 2, 3, 4})));
  EXPECT_ERROR(bad_file, prepare({0}, description(0, 2, 0, {1, 2, 3, 4})));
  EXPECT_ERROR(bad_file, prepare({0xFF, 0}, description(0, 2, 0, {1, 2, 3})));
  EXPECT_ERROR(bad_file, prepare({0, 0}, description(0, 0, 0, {1, 2, 3, 4})));
  EXPECT_ERROR(bad_file, prepare({0}, {0, 1}));
  EXPECT_ERROR(bad_file, prepare({0xFF}, description(2, 0, 0, {1})));
  EXPECT_ERROR(bad_file, prepare({}, description(2, 0, 0, {1})));
  EXPECT_ERROR(bad_file, prepare({0}, description(1, 0, 0, {})));
  EXPECT_ERROR(bad_file, prepare({0}, description(1, 0, 0, {0, 0, 0, 0})));
  EXPECT_ERROR(unsupported, prepare({0}, description(9, 0, 0, {})));
}

// --- detection

TestOp detection_op(bool by_class, std::vector<float> boxes, std::vector<float> scores) {
  TestOp op = custom_op("TFLite_Detection_PostProcess", {{"detections_per_class", 2},
                                                         {"h_scale", 1.0},
                                                         {"max_classes_per_detection", 1},
                                                         {"max_detections", 3},
                                                         {"nms_iou_threshold", 0.5},
                                                         {"nms_score_threshold", 0.1},
                                                         {"num_classes", 2},
                                                         {"use_regular_nms", by_class},
                                                         {"w_scale", 1.0},
                                                         {"x_scale", 1.0},
                                                         {"y_scale", 1.0}});
  const auto count = static_cast<int32_t>(boxes.size() / 4);
  std::vector<float> anchors;
  for (int32_t i = 0; i < count; ++i) anchors.insert(anchors.end(), {0, 0, 1, 1});
  op.input<float>({1, count, 4}, boxes).input<float>({1, count, 3}, scores);
  op.constant<float>({count, 4}, anchors);
  op.output<float>({1, 3, 4}).output<float>({1, 3}).output<float>({1, 3}).output<float>({1});
  return op;
}

TEST(Detection, SuppressesOverlaps) {
  // Boxes 0 and 1 nearly coincide, box 2 lies elsewhere; column 0 is the background.
  const std::vector<float> boxes = {0, 0, 0, 0, 0.1f, 0, 0, 0, 9, 9, 0, 0};
  const std::vector<float> scores = {0, 0.9f, 0.2f, 0, 0.8f, 0.7f, 0, 0.05f, 0.3f};
  TestOp fast = detection_op(false, boxes, scores);
  const auto corners = fast.run<float>();
  EXPECT_EQ(fast.result<float>(3), (std::vector<float>{2}));
  EXPECT_EQ(fast.result<float>(1), (std::vector<float>{0, 1, 0}));
  EXPECT_EQ(fast.result<float>(2), (std::vector<float>{0.9f, 0.3f, 0}));
  EXPECT_EQ(std::vector<float>(corners.begin(), corners.begin() + 4),
            (std::vector<float>{-0.5f, -0.5f, 0.5f, 0.5f}));
  TestOp regular = detection_op(true, boxes, scores);
  regular.run<float>();
  EXPECT_EQ(regular.result<float>(3), (std::vector<float>{3}));
  EXPECT_EQ(regular.result<float>(1), (std::vector<float>{0, 1, 1}));
  EXPECT_EQ(regular.result<float>(2), (std::vector<float>{0.9f, 0.7f, 0.3f}));
}

TEST(Detection, RejectsMalformedOps) {
  TestOp op = custom_op("TFLite_Detection_PostProcess", {{"num_classes", 2}});
  op.input<float>({1, 1, 4}, {0, 0, 0, 0}).input<float>({1, 1, 2}, {0, 0});
  op.constant<float>({1, 4}, {0, 0, 0, 0}).output<float>({1, 3, 4}).output<float>({1, 3});
  op.output<float>({1, 3}).output<float>({1});
  EXPECT_ERROR(bad_file, op.prepare());
}

TEST(NonMaxSuppression, KeepsBestBoxes) {
  TestOp op(OpType::non_max_suppression_v5);
  op.input<float>({3, 4}, {0, 0, 1, 1, 0.1f, 0, 1.1f, 1, 5, 5, 6, 6});
  op.input<float>({3}, {0.8f, 0.9f, 0.3f}).constant<int32_t>({}, {3});
  op.input<float>({}, {0.5f}).input<float>({}, {0.1f}).input<float>({}, {0.0f});
  op.output<int32_t>({3}).output<float>({3}).output<int32_t>({});
  EXPECT_EQ(op.run<int32_t>(), (std::vector<int32_t>{1, 2, 0}));
  EXPECT_EQ(op.result<float>(1), (std::vector<float>{0.9f, 0.3f, 0}));
  EXPECT_EQ(op.result<int32_t>(2), (std::vector<int32_t>{2}));
}

TEST(NonMaxSuppression, SoftScoresShrink) {
  TestOp op(OpType::non_max_suppression_v5);
  op.input<float>({2, 4}, {0, 0, 1, 1, 0.5f, 0, 1.5f, 1});
  op.input<float>({2}, {0.8f, 0.9f}).constant<int32_t>({}, {2});
  op.input<float>({}, {1.0f}).input<float>({}, {0.0f}).input<float>({}, {0.5f});
  op.output<int32_t>({2}).output<float>({2}).output<int32_t>({});
  EXPECT_EQ(op.run<int32_t>(), (std::vector<int32_t>{1, 0}));
  const float overlap = 0.5f / 1.5f;
  EXPECT_NEAR(op.result<float>(1)[1], 0.8f * std::exp(-overlap * overlap), 1e-6f);
}

TEST(NonMaxSuppression, RejectsMalformedOps) {
  TestOp op(OpType::non_max_suppression_v4);
  op.input<float>({3, 3}, std::vector<float>(9)).input<float>({3}, {1, 2, 3});
  op.constant<int32_t>({}, {1}).input<float>({}, {0.5f}).input<float>({}, {0.1f});
  op.output<int32_t>({1}).output<int32_t>({});
  EXPECT_ERROR(bad_file, op.prepare());
}

}  // namespace
}  // namespace smelt
