#include "smelt/quantize/litert_recipe.h"

#include "smelt/quantize/float_models.h"
#include "smelt/quantize/json_object.h"
#include "smelt/quantize/plan.h"

namespace smelt {
namespace {

using testing::HasSubstr;

std::string entry(std::string_view regex, std::string_view operation, std::string_view config,
                  std::string_view algorithm = "min_max_uniform_quantize") {
  return fmt::format(
      R"({{"regex": "{}", "operation": "{}", "algorithm_key": "{}", "op_config": {}}})", regex,
      operation, algorithm, config);
}

std::string without(std::string_view regex, std::string_view operation) {
  return fmt::format(R"({{"regex": "{}", "operation": "{}", "algorithm_key": "no_quantize"}})",
                     regex, operation);
}

constexpr std::string_view kInt8 = R"({
  "activation_tensor_config": {"num_bits": 8, "symmetric": false, "granularity": "TENSORWISE",
                               "dtype": "INT"},
  "weight_tensor_config": {"num_bits": 8, "symmetric": true, "granularity": "CHANNELWISE",
                           "dtype": "INT", "algorithm_params": {}},
  "compute_precision": "INTEGER", "explicit_dequantize": false, "skip_checks": false,
  "min_weight_elements": 0})";
constexpr std::string_view kDynamic = R"({
  "weight_tensor_config": {"num_bits": 8, "granularity": "CHANNELWISE"},
  "compute_precision": "INTEGER"})";
constexpr std::string_view kDynamic4 = R"({
  "weight_tensor_config": {"num_bits": 4, "granularity": "CHANNELWISE"},
  "compute_precision": "INTEGER"})";

Recipe read(const std::vector<std::string>& entries) {
  return litert_recipe(parse_json(fmt::format("[{}]", fmt::join(entries, ","))));
}

/// What the recipe makes of the op of that type of a small classifier (conv, mean, dense, softmax).
OpConfig config(const Recipe& recipe, OpType type) {
  const Model model = small_classifier();
  for (const OpId id : model.main().ops()) {
    if (model.main().op(id).type == type) return config_of(recipe, model.main(), id);
  }
  ADD_FAILURE() << name(type);
  return {};
}

Precision precision(const Recipe& recipe, OpType type) { return config(recipe, type).precision; }

TEST(LitertRecipe, StaticMeansEveryOpOfItsPolicy) {
  const Recipe recipe = read({entry(".*", "*", kInt8)});
  for (const OpType type :
       {OpType::conv_2d, OpType::mean, OpType::fully_connected, OpType::softmax}) {
    EXPECT_EQ(precision(recipe, type), Precision::int8) << name(type);
  }
  const OpConfig dense = config(recipe, OpType::fully_connected);
  EXPECT_EQ(dense.granularity, Granularity::per_channel);
  EXPECT_EQ(dense.ranges, RangeMethod::moving_average);
  EXPECT_EQ(dense.weight_bits, 8);
  EXPECT_EQ(recipe.io, IoType::int8);
  EXPECT_TRUE(recipe.fallback);
  EXPECT_TRUE(needs_calibration(recipe));
}

TEST(LitertRecipe, LaterEntriesCountMore) {
  const Recipe recipe = read({entry(".*", "*", kInt8), without("dense", "*")});
  EXPECT_EQ(precision(recipe, OpType::fully_connected), Precision::float32);
  EXPECT_EQ(precision(recipe, OpType::conv_2d), Precision::int8);
}

// RecipeManager keeps entries by regex, in the order in which regexes came first.
TEST(LitertRecipe, EntriesOfOneRegexStandWhereItsFirstStands) {
  const Recipe recipe = read({entry(".*", "*", kInt8), entry("dense", "FULLY_CONNECTED", kDynamic),
                              without(".*", "FULLY_CONNECTED")});
  EXPECT_EQ(precision(recipe, OpType::fully_connected), Precision::dynamic);
  const Recipe cleared = read({without(".*", "CONV_2D"), entry(".*", "*", kInt8)});
  EXPECT_EQ(precision(cleared, OpType::conv_2d), Precision::int8);
}

TEST(LitertRecipe, OpsThatThePolicyLacksKeepTheEarlierEntry) {
  const Recipe recipe = read({entry(".*", "*", kDynamic), entry("(conv|dense)", "*", kDynamic4)});
  EXPECT_EQ(config(recipe, OpType::conv_2d).weight_bits, 4);
  EXPECT_EQ(precision(recipe, OpType::mean), Precision::float32);
  const Recipe static4 =
      read({entry(".*", "*", R"({"activation_tensor_config": {"num_bits": 16, "symmetric": true},
      "weight_tensor_config": {"num_bits": 4}, "compute_precision": "INTEGER"})")});
  EXPECT_EQ(precision(static4, OpType::softmax), Precision::int16x8);
  EXPECT_EQ(config(static4, OpType::conv_2d).weight_bits, 4);
  EXPECT_EQ(static4.io, IoType::int16);
}

TEST(LitertRecipe, AlgorithmsAndGranularities) {
  const Recipe octav = read({entry(".*", "*", kDynamic4, "OCTAV")});
  EXPECT_EQ(config(octav, OpType::conv_2d).weight_range, WeightRange::octav);
  const Recipe half = read({entry(".*", "CONV_2D", R"({"weight_tensor_config": {"num_bits": 16,
      "dtype": "FLOAT"}, "compute_precision": "FLOAT", "explicit_dequantize": true})",
                                  "float_casting")});
  EXPECT_EQ(precision(half, OpType::conv_2d), Precision::float16);
  EXPECT_EQ(precision(half, OpType::fully_connected), Precision::float32);
  for (const std::string_view weights :
       {R"("granularity": "BLOCKWISE_64")", R"("block_size": 64)"}) {
    const Recipe blocks = read({entry(
        ".*", "FULLY_CONNECTED",
        fmt::format(
            R"({{"weight_tensor_config": {{"num_bits": 4, {}}}, "compute_precision": "INTEGER"}})",
            weights))});
    const OpConfig dense = config(blocks, OpType::fully_connected);
    EXPECT_EQ(dense.granularity, Granularity::blockwise);
    EXPECT_EQ(dense.block_size, 64);
  }
}

TEST(LitertRecipe, InputsAndOutputsAreOps) {
  const Recipe recipe =
      read({entry(".*", "*", kInt8), without(".*", "INPUT"), without(".*", "OUTPUT")});
  EXPECT_EQ(recipe.io, IoType::float32);
  EXPECT_EQ(precision(recipe, OpType::conv_2d), Precision::int8);
  const auto message = [](const std::vector<std::string>& entries) {
    return message_of(ErrorKind::unsupported, [&] { read(entries); });
  };
  EXPECT_THAT(message({entry(".*", "*", kInt8), without(".*", "INPUT")}),
              HasSubstr("inputs and outputs of different types"));
  EXPECT_THAT(message({entry(".*", "*", kInt8), without("image", "INPUT")}),
              HasSubstr("INPUT by name"));
}

TEST(LitertRecipe, WhatCannotBeDoneIsRefusedByName) {
  const auto message = [](const std::string& text, ErrorKind kind = ErrorKind::unsupported) {
    return message_of(kind, [&] { read({text}); });
  };
  EXPECT_THAT(message(entry(".*", "*", kDynamic, "HADAMARD_ROTATION")),
              HasSubstr("entry 1: algorithm_key HADAMARD_ROTATION is not supported"));
  EXPECT_THAT(message(entry(".*", "*", R"({"weight_tensor_config": {"num_bits": 2},
      "compute_precision": "INTEGER"})")),
              HasSubstr("weights of 2 bits"));
  EXPECT_THAT(message(entry(".*", "SOFTMAX", kDynamic)), HasSubstr("SOFTMAX cannot be quantized"));
  EXPECT_THAT(message(entry(".*", "*", R"({"weight_tensor_config": {"num_bits": 8},
      "skip_checks": true})")),
              HasSubstr("skip_checks"));
  EXPECT_THAT(message(entry(".*", "*", R"({"weight_tensor_config": {"num_bits": 8},
      "compute": "INTEGER"})"),
                      ErrorKind::bad_file),
              HasSubstr("no key 'compute'"));
  message(entry(".*", "CONV", kDynamic), ErrorKind::bad_argument);
  message(entry(".*", "*", R"({"compute_precision": "INTEGER"})"), ErrorKind::bad_file);
}

TEST(LitertRecipe, ByName) {
  for (const std::string& name : litert_recipe_names()) {
    EXPECT_FALSE(litert_recipe_by_name(name).rules.empty()) << name;
  }
  EXPECT_EQ(precision(litert_recipe_by_name("static_wi8_ai16"), OpType::mean), Precision::int16x8);
  const Recipe legacy = litert_recipe_by_name("dynamic_legacy_wi8_afp32");
  EXPECT_EQ(config(legacy, OpType::conv_2d).min_weight_elements, 1024);
  EXPECT_EQ(precision(litert_recipe_by_name("weight_only_wi4_afp32"), OpType::conv_2d),
            Precision::weight_only);
  for (const char* name :
       {"dynamic_wi4c_hr_afp32", "dynamic_wi2c_afp32", "gemma4_mixed48", "dynamic_wi8b32_afp32"}) {
    message_of(ErrorKind::unsupported, [&] { litert_recipe_by_name(name); });
  }
}

}  // namespace
}  // namespace smelt
