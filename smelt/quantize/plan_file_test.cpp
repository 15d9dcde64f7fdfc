#include "smelt/quantize/plan_file.h"

#include <random>

#include "smelt/base/file.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/quantize/apply.h"
#include "smelt/quantize/float_models.h"

namespace smelt {
namespace {

using testing::HasSubstr;

constexpr const char* kSchemes[] = {"int8",    "int8-float-fallback", "int16x8", "dynamic",
                                    "float16", "weight-only-int8",    "int4",    "none"};

/// A plan of a random scheme with random exceptions.
QuantPlan random_plan(const Model& model, Random& random) {
  Recipe recipe = scheme(kSchemes[random.below(std::size(kSchemes))]);
  recipe.fallback = true;
  recipe.base.min_weight_elements = 0;
  recipe.io = static_cast<IoType>(random.below(4));
  if (random.below(2)) {
    recipe.rules.push_back({.pattern = random.below(2) ? "conv" : "dense",
                            .precision = static_cast<Precision>(random.below(6))});
  }
  return make_plan(model, made_up_stats(model.main()), recipe);
}

/// Chosen values for some of the constants, as recovery leaves them.
void choose_values(const Model& model, Random& random, QuantPlan& plan) {
  for (auto& [id, op] : plan.ops) {
    for (OperandPlan& operand : op.operands) {
      const Tensor* constant = model.main().constant_input(model.main().op(id), operand.index);
      const bool bytes = operand.as.type == DataType::int8 || operand.as.type == DataType::int4;
      if (!constant || !bytes || random.below(2)) continue;
      std::vector<int8_t> values(static_cast<size_t>(constant->shape.elements()));
      for (int8_t& value : values) value = static_cast<int8_t>(random.below(15)) - 7;
      operand.values = Buffer::of(values);
    }
  }
}

std::vector<uint8_t> file_of(const Model& model) {
  const auto path = std::filesystem::temp_directory_path() / "smelt_plan_file_test.tflite";
  tflite::save(model, path.string());
  const std::string text = read_text_file(path);
  std::filesystem::remove(path);
  return {text.begin(), text.end()};
}

TEST(PlanFile, GivesBackWhatWasWritten) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  Model model = small_classifier();
  const auto path = std::filesystem::temp_directory_path() / "smelt_plan_file_test.json";
  for (int round = 0; round < 40; ++round) {
    QuantPlan plan = random_plan(model, random);
    choose_values(model, random, plan);
    EXPECT_EQ(plan_from_json(to_json(plan, model), model), plan);
    save_plan(plan, model, path);
    const QuantPlan loaded = open_plan(path).read(model);
    EXPECT_EQ(loaded, plan);
    EXPECT_EQ(file_of(apply(model, loaded)), file_of(apply(model, plan)));
  }
  std::filesystem::remove(path);
}

TEST(PlanFile, AnotherModelIsRecognized) {
  Random random(1);
  const Model model = small_classifier();
  const nlohmann::json json = to_json(make_plan(model, made_up_stats(model.main())), model);
  const auto problem = [&](Model other) {
    return message_of(ErrorKind::bad_argument, [&] { plan_from_json(json, other); });
  };
  Model weights = model;
  Tensor& dense = weights.main().tensor(find_tensor(weights.main(), "dense/w"));
  dense.data = Buffer::of(random_values(20, 99));
  EXPECT_THAT(problem(weights), HasSubstr("another model: its weights have other values"));
  Model shape = model;
  shape.main().tensor(find_tensor(shape.main(), "conv")).shape = {1, 6, 6, 5};
  EXPECT_THAT(problem(shape), HasSubstr("conv has the shape [1, 6, 6, 5], not [1,6,6,4]"));
  Model named = model;
  named.main().tensor(find_tensor(named.main(), "mean")).name = "average";
  EXPECT_THAT(problem(named), HasSubstr("mean is average in it"));
  GraphBuilder b;
  const TensorId x = b.input("image", DataType::float32, {1, 6, 6, 3});
  b.output(add_conv(b, x, "conv"));
  EXPECT_THAT(problem(std::move(b).build_model()), HasSubstr("another model"));
}

TEST(PlanFile, ConstantsThatRecoveryChangedGoAlong) {
  Random random(2);
  Model before = small_classifier();
  Model model = before;
  Graph& graph = model.main();
  graph.tensor(find_tensor(graph, "dense/w")).data = Buffer::of(random_values(20, 77));
  const OpId conv = graph.ops().front();
  Tensor copy = graph.tensor(graph.op(conv).input(1));
  copy.name += "/equalized";
  copy.data = Buffer::of(random_values(static_cast<size_t>(copy.shape.elements()), 78));
  graph.set_op_input(conv, 1, graph.add_tensor(std::move(copy)));
  const QuantPlan plan = make_plan(model, made_up_stats(graph));
  const nlohmann::json json = to_json(plan, model, &before);
  const auto expected = file_of(apply(model, plan));
  Model again = before;
  EXPECT_EQ(plan_from_json(json, again), plan);
  EXPECT_EQ(file_of(apply(again, plan)), expected);
  EXPECT_THAT(message_of(ErrorKind::bad_argument, [&] { plan_from_json(json, model); }),
              HasSubstr("another model"));
}

TEST(PlanFile, ErrorsNameTheKey) {
  Model model = small_classifier();
  const nlohmann::json good = to_json(make_plan(model, made_up_stats(model.main())), model);
  const auto problem = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = value;
    return message_of(ErrorKind::bad_file, [&] { plan_from_json(bad, model); });
  };
  EXPECT_THAT(problem("/version", 2), HasSubstr("the plan: version"));
  EXPECT_THAT(problem("/format", "plan"), HasSubstr("format"));
  EXPECT_THAT(problem("/extra", 1), HasSubstr("no key 'extra'"));
  EXPECT_THAT(problem("/tensors/0/scale/0", 0), HasSubstr("tensors[0]: scale holds"));
  EXPECT_THAT(problem("/tensors/0/zero_point/0", 300), HasSubstr("zero_point does not fit int8"));
  EXPECT_THAT(problem("/tensors/0/type", "int4"), HasSubstr("type cannot be int4"));
  EXPECT_THAT(problem("/tensors/1", good["tensors"][0]), HasSubstr("tensors holds an id twice"));
  EXPECT_THAT(problem("/ops/0/operands/0/index", 7), HasSubstr("ops[0]: operands: index"));
  EXPECT_THAT(problem("/ops/0/operands/0/values", "AAAA"), HasSubstr("do not fill the constant"));
  EXPECT_THAT(problem("/ops/0/operands/0/block_size", 32), HasSubstr("which do not fit"));
  EXPECT_THAT(problem("/ops/0/operands/1/scale", nlohmann::json::array({1, 1})),
              HasSubstr("zero_point"));
  EXPECT_THAT(problem("/recipe/base/weight_bits", 3), HasSubstr("weight_bits"));
}

/// Every place of a JSON value.
void collect(const nlohmann::json& json, const nlohmann::json::json_pointer& at,
             std::vector<nlohmann::json::json_pointer>& all) {
  all.push_back(at);
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) collect(value, at / key, all);
  } else if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i) collect(json[i], at / i, all);
  }
}

TEST(PlanFile, DamagedFilesNeverGetFurtherThanAnError) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  const Model fresh = small_classifier();
  const nlohmann::json replacements[] = {nullptr,
                                         -1,
                                         0,
                                         1,
                                         3,
                                         1e30,
                                         5000000000,
                                         "",
                                         "int8",
                                         "int32",
                                         "AAAA",
                                         true,
                                         nlohmann::json::array(),
                                         nlohmann::json::object(),
                                         nlohmann::json::array({1, 2, 3})};
  for (int round = 0; round < 300; ++round) {
    Model model = fresh;
    QuantPlan plan = random_plan(model, random);
    choose_values(model, random, plan);
    Model changed = model;
    changed.main().tensor(find_tensor(model.main(), "dense/w")).data =
        Buffer::of(random_values(20, 5));
    nlohmann::json json = to_json(plan, changed, &model);
    std::vector<nlohmann::json::json_pointer> places;
    collect(json, nlohmann::json::json_pointer(), places);
    json[places[random.below(places.size())]] = replacements[random.below(std::size(replacements))];
    try {
      apply(model, plan_from_json(json, model));
    } catch (const Error&) {
      continue;
    }
  }
}

}  // namespace
}  // namespace smelt
