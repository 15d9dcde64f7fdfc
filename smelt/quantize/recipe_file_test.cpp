#include "smelt/quantize/recipe_file.h"

#include <filesystem>
#include <random>

#include "smelt/base/file.h"
#include "smelt/quantize/float_models.h"
#include "smelt/quantize/recipe_json.h"

namespace smelt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Recipe parsed(std::string_view text) { return parse_recipe(text).recipe; }

std::string problem(std::string_view text, ErrorKind kind = ErrorKind::bad_file) {
  return message_of(kind, [&] { parse_recipe(text); });
}

constexpr std::string_view kToml = R"(
scheme = "int8-float-fallback"
io = "float32"

[base]
ranges = "percentile"
percentile = 99.9

[[rule]]
layer = "block[12]_.*"
precision = "int16x8"

[[rule]]
op = "FULLY_CONNECTED"   # the classifier
weight_bits = 4
granularity = "per-channel"
weight_range = "octav"
)";

TEST(RecipeFile, TomlAndJsonSayTheSame) {
  const Recipe recipe = parsed(kToml);
  EXPECT_EQ(recipe.name, "int8-float-fallback");
  EXPECT_TRUE(recipe.fallback);
  EXPECT_EQ(recipe.io, IoType::float32);
  EXPECT_EQ(recipe.base.precision, Precision::int8);
  EXPECT_EQ(recipe.base.ranges, RangeMethod::percentile);
  EXPECT_EQ(recipe.base.percentile, 99.9);
  ASSERT_EQ(recipe.rules.size(), 2u);
  EXPECT_EQ(recipe.rules[0], (OpRule{.pattern = "block[12]_.*", .precision = Precision::int16x8}));
  EXPECT_EQ(recipe.rules[1], (OpRule{.op = OpType::fully_connected,
                                     .weight_bits = 4,
                                     .granularity = Granularity::per_channel,
                                     .weight_range = WeightRange::octav}));
  const Recipe same = parsed(R"({"scheme": "int8-float-fallback", "io": "float32",
      "base": {"ranges": "percentile", "percentile": 99.9},
      "rule": [{"layer": "block[12]_.*", "precision": "int16x8"},
               {"op": "FULLY_CONNECTED", "weight_bits": 4, "granularity": "per-channel",
                "weight_range": "octav"}]})");
  EXPECT_EQ(recipe, same);
}

TEST(RecipeFile, ReadsTheFileOrTheName) {
  const auto path = std::filesystem::temp_directory_path() / "smelt_recipe_file_test.toml";
  write_file(path, as_bytes(kToml));
  EXPECT_EQ(load_recipe(path.string()).recipe, parsed(kToml));
  write_file(path, as_bytes(std::string_view("scheme = \"int9\"")));
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { load_recipe(path.string()); }),
              AllOf(HasSubstr("smelt_recipe_file_test.toml: 'int9' is no scheme")));
  std::filesystem::remove(path);
  message_of(ErrorKind::io, [&] { load_recipe(path.string()); });
  EXPECT_EQ(load_recipe("static_wi8_ai8").recipe.io, IoType::int8);
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { load_recipe("static_wi8"); }),
              HasSubstr("neither a file nor a recipe's name; there are static_wi8_ai8"));
}

TEST(RecipeFile, ErrorsNameKeyAndChoices) {
  EXPECT_THAT(problem("shceme = \"int8\""),
              HasSubstr("has no key 'shceme'; there are scheme, io, fallback, base, rule"));
  EXPECT_THAT(
      problem("[[rule]]\n[[rule]]\nprecison = 3"),
      HasSubstr("rule 2 has no key 'precison'; there are layer, op, precision, weight_bits"));
  EXPECT_THAT(problem("[[rule]]\nprecision = 8"), HasSubstr("rule 1: precision is no text"));
  EXPECT_THAT(problem("[[rule]]\nlayer = '['"), HasSubstr("layer is no regular expression"));
  EXPECT_THAT(problem("[[rule]]\nop = 'CONV'"), HasSubstr("'CONV' is no op of TFLite"));
  EXPECT_THAT(problem("[base]\nweight_bits = 5"),
              HasSubstr("base: weight_bits is neither 8 nor 4"));
  EXPECT_THAT(problem("[base]\nblock_size = 16"), HasSubstr("none of 32, 64, 128, 256"));
  EXPECT_THAT(problem("[base]\npercentile = 30"), HasSubstr("percentile is not over 50"));
  EXPECT_THAT(problem("rule = 3"), HasSubstr("rule is no list"));
  EXPECT_THAT(problem("[base]\nranges = 'max'", ErrorKind::bad_argument),
              HasSubstr("there are mse, minmax"));
}

TEST(RecipeFile, MalformedTextIsRefusedWithItsPlace) {
  EXPECT_THAT(problem("scheme = \nio = 3"), HasSubstr("line 1"));
  EXPECT_THAT(problem(R"({"scheme": )"), HasSubstr("parse error"));
  EXPECT_THAT(problem("{\"base\": " + std::string(100, '[') + std::string(100, ']') + "}"),
              HasSubstr("levels deep"));
  problem("{\"a\": 1} x");
  problem(std::string(2 << 20, ' '));
  for (const std::string_view text : {"[]", "{}", "", "[[]]", "[[rule]]", "[1]"}) {
    try {
      parse_recipe(text);
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << text;
    }
  }
}

Recipe random_recipe(Random& random) {
  const auto& names = scheme_names();
  Recipe recipe = scheme(names[random.below(names.size())]);
  const auto maybe = [&](auto value) {
    return random.below(2) ? std::optional(value) : std::nullopt;
  };
  recipe.io = static_cast<IoType>(random.below(4));
  recipe.fallback = random.below(2) == 1;
  recipe.base.percentile = 50 + random.uniform() * 50;
  recipe.base.weight_range = static_cast<WeightRange>(random.below(3));
  for (uint64_t i = random.below(5); i > 0; --i) {
    recipe.rules.push_back(
        {.pattern = random.below(2) ? "a\"b\\\\.*\n\xc3\xa4" : "",
         .op = maybe(static_cast<OpType>(random.below(kOpTypeCount))),
         .precision = maybe(static_cast<Precision>(random.below(6))),
         .weight_bits = maybe(random.below(2) ? 4 : 8),
         .granularity = maybe(static_cast<Granularity>(random.below(4))),
         .block_size = maybe(random.below(2) ? 32 : 256),
         .ranges = maybe(static_cast<RangeMethod>(random.below(5))),
         .percentile = maybe(50 + random.uniform() * 50),
         .weight_range = maybe(static_cast<WeightRange>(random.below(3))),
         .min_weight_elements = maybe(static_cast<int64_t>(random.next() >> 1))});
  }
  return recipe;
}

TEST(RecipeJson, GivesBackWhatWasWritten) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const Recipe recipe = random_recipe(random);
    EXPECT_EQ(recipe_from_json(to_json(recipe)), recipe) << to_json(recipe).dump(2);
    EXPECT_EQ(parsed(to_json(recipe).dump()), recipe);
  }
}

TEST(RecipeJson, CutTextNeverGetsFurtherThanAnError) {
  Random random(4);
  const std::string text = to_json(random_recipe(random)).dump();
  for (size_t length = 0; length < text.size(); ++length) {
    try {
      parse_recipe(text.substr(0, length));
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal);
    }
  }
}

TEST(MltkSettings, BecomeTheSchemeThatTheConverterWouldApply) {
  const auto scheme_of = [](std::string_view text) { return parsed(text).name; };
  EXPECT_EQ(
      scheme_of(R"({"optimizations": ["DEFAULT"], "supported_ops": ["TFLITE_BUILTINS_INT8"]})"),
      "int8");
  EXPECT_EQ(scheme_of(R"({"optimizations": ["tf.lite.Optimize.DEFAULT"],
                          "supported_ops": ["tf.lite.OpsSet.TFLITE_BUILTINS", "TFLITE_BUILTINS_INT8"]})"),
            "int8-float-fallback");
  EXPECT_EQ(scheme_of("supported_ops = "
                      "['EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8']"),
            "int16x8");
  EXPECT_EQ(scheme_of("supported_ops = ['TFLITE_BUILTINS']\nrepresentative_dataset = false"),
            "dynamic");
  EXPECT_EQ(scheme_of("supported_ops = ['TFLITE_BUILTINS']\nrepresentative_dataset = 'generate'"),
            "int8-float-fallback");
  EXPECT_EQ(scheme_of("supported_types = ['tf.float16']\nsupported_ops = 'TFLITE_BUILTINS'"),
            "float16");
  EXPECT_EQ(scheme_of("optimizations = []"), "none");
}

TEST(MltkSettings, TypesSamplesAndErrors) {
  const LoadedRecipe loaded = parse_recipe(
      R"({"inference_input_type": "tf.int8", "inference_output_type": "int8",
          "representative_dataset_max_samples": 500, "generate_unquantized": true})");
  EXPECT_EQ(loaded.recipe.io, IoType::int8);
  EXPECT_EQ(loaded.samples, 500);
  EXPECT_EQ(parsed("optimizations = ['DEFAULT']").io, IoType::float32);
  EXPECT_THAT(problem("supported_ops = ['SELECT_TF_OPS']", ErrorKind::unsupported),
              HasSubstr("SELECT_TF_OPS"));
  EXPECT_THAT(problem("supported_ops = ['TFLITE_INT8']"), HasSubstr("'TFLITE_INT8'; there are"));
  EXPECT_THAT(problem("optimizations = ['DEFAULT']\nfoo = 1"), HasSubstr("no key 'foo'"));
  problem("inference_input_type = 'int8'", ErrorKind::unsupported);
}

}  // namespace
}  // namespace smelt
