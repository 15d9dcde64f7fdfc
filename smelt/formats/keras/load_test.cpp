#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "smelt/base/file.h"
#include "smelt/base/random.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/formats/keras/test_model.h"

namespace smelt::keras {
namespace {

using test::LayerWeights;
using test::message_of;
using testing::AnyOf;
using testing::HasSubstr;

std::string input(const std::string& name, const std::string& shape,
                  const std::string& dtype = "float32") {
  return R"({"class_name": "InputLayer", "name": ")" + name +
         R"(", "inbound_nodes": [], "config": {"batch_input_shape": )" + shape + R"(, "dtype": ")" +
         dtype + R"(", "name": ")" + name + R"("}})";
}

std::string layer(const std::string& class_name, const std::string& name,
                  const std::string& settings, const std::string& nodes) {
  return R"({"class_name": ")" + class_name + R"(", "name": ")" + name +
         R"(", "config": {"name": ")" + name + "\"" + (settings.empty() ? "" : ", ") + settings +
         R"(}, "inbound_nodes": )" + nodes + "}";
}

std::string functional(const std::string& layers, const std::string& inputs,
                       const std::string& outputs, const std::string& name = "m") {
  return R"({"class_name": "Functional", "config": {"name": ")" + name + R"(", "layers": [)" +
         layers + R"(], "input_layers": )" + inputs + R"(, "output_layers": )" + outputs + "}}";
}

std::string join(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ", "));
}

class Load : public testing::Test {
 protected:
  Model load(const std::string& config, const std::vector<LayerWeights>& weights = {},
             const LoadOptions& options = {}, const std::string& version = "2.4.0") {
    test::write_model(path_, config, weights, version);
    return keras::load(path_, options);
  }
  std::string error_of(const std::string& config, const std::vector<LayerWeights>& weights = {},
                       const LoadOptions& options = {}, const std::string& version = "2.4.0") {
    return message_of([&] { load(config, weights, options, version); });
  }

  hdf5::test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "model.h5";
};

TEST_F(Load, FunctionalModel) {
  const Model model = load(
      functional(
          join({input("image", "[null, 4, 4, 1]"),
                layer("Conv2D", "a", R"("filters": 2, "kernel_size": [1, 1])",
                      R"([[["image", 0, 0, {}]]])"),
                layer("Conv2D", "b", R"("filters": 2, "kernel_size": [1, 1], "use_bias": false)",
                      R"([[["image", 0, 0, {}]]])"),
                layer("Add", "sum", "", R"([[["a", 0, 0, {}], ["b", 0, 0, {}]]])"),
                layer("Concatenate", "both", R"("axis": -1)",
                      R"([[["sum", 0, 0, {}], ["a", 0, 0, {}]]])")}),
          R"([["image", 0, 0]])", R"([["both", 0, 0]])"),
      {{"a", {{"a/kernel:0", {1, 1, 1, 2}}, {"a/bias:0", {2}}}},
       {"b", {{"b/kernel:0", {1, 1, 1, 2}}}}});
  const std::string conv =
      " padding=valid stride_h=1 stride_w=1 dilation_h=1 dilation_w=1 activation=none "
      "quantized_bias_type=float32\n";
  EXPECT_EQ(dump(model),
            "graph main\n"
            "  input image: float32[?, 4, 4, 1]\n"
            "  a: float32[?, 4, 4, 2] = CONV_2D(image, a/kernel, a/bias)" +
                conv + "  b: float32[?, 4, 4, 2] = CONV_2D(image, b/kernel, none)" + conv +
                "  sum: float32[?, 4, 4, 2] = ADD(a, b) activation=none pot_scale_int16=true\n"
                "  both: float32[?, 4, 4, 4] = CONCATENATION(sum, a) axis=3 activation=none\n"
                "  output both\n");
  const Graph& graph = model.main();
  EXPECT_EQ(graph.op(graph.ops()[0]).origin, "a");
  EXPECT_EQ(graph.tensor(graph.op(graph.ops()[0]).output()).shape, (Shape{1, 4, 4, 2}));
  EXPECT_EQ(graph.tensor(graph.op(graph.ops()[0]).input(1)).origin, "a");
  EXPECT_EQ(model.source.format, "keras_h5");
}

TEST_F(Load, LayersInAnyOrder) {
  const Model model = load(functional(
      join({layer("Activation", "second", R"("activation": "tanh")", R"([[["first", 0, 0, {}]]])"),
            layer("Activation", "first", R"("activation": "relu")", R"([[["x", 0, 0, {}]]])"),
            input("x", "[null, 3]")}),
      R"([["x", 0, 0]])", R"([["second", 0, 0]])"));
  EXPECT_THAT(dump(model), HasSubstr("  first: float32[?, 3] = RELU(x)\n"
                                     "  second: float32[?, 3] = TANH(first)\n"));
}

TEST_F(Load, SharedLayersSeveralInputsAndOutputs) {
  const Model model =
      load(functional(join({input("x", "[null, 2]"), input("y", "[null, 2]"),
                            layer("Dense", "d", R"("units": 3, "use_bias": false)",
                                  R"([[["x", 0, 0, {}]], [["y", 0, 0, {}]]])"),
                            layer("Subtract", "s", "", R"([[["d", 0, 0, {}], ["d", 1, 0, {}]]])")}),
                      R"([["x", 0, 0], ["y", 0, 0]])", R"([["s", 0, 0], ["d", 1, 0]])"),
           {{"d", {{"d/kernel:0", {2, 3}}}}});
  const std::string text = dump(model);
  EXPECT_THAT(text, HasSubstr("  d: float32[?, 3] = FULLY_CONNECTED(x, d/kernel, none)"));
  EXPECT_THAT(text, HasSubstr("  d/call1: float32[?, 3] = FULLY_CONNECTED(y, d/kernel, none)"));
  EXPECT_THAT(text, HasSubstr("  s: float32[?, 3] = SUB(d, d/call1)"));
  EXPECT_THAT(text, HasSubstr("  output s, d/call1\n"));
}

TEST_F(Load, SequentialForms) {
  const std::string dense = R"({"class_name": "Dense", "config": {"name": "d", "units": 3,
      "batch_input_shape": [null, 2], "use_bias": false}})";
  const std::vector<LayerWeights> weights{{"d", {{"d/kernel:0", {2, 3}}}}};
  const std::string expected = "graph main\n  input d_input: float32[?, 2]\n  d: float32[?, 3] = ";
  for (const std::string& config :
       {R"({"class_name": "Sequential", "config": [)" + dense + "]}",
        R"({"class_name": "Sequential", "config": {"name": "m", "layers": [)" + dense + "]}}"}) {
    EXPECT_THAT(dump(load(config, weights)), HasSubstr(expected));
  }
}

TEST_F(Load, NestedModels) {
  const std::string inner =
      R"({"class_name": "Sequential", "config": {"name": "inner", "layers": [)" +
      input("in", "[null, 2]") +
      R"(, {"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu"}}]}})";
  // Models count their own definition as call 0, so references start at 1.
  const std::string named = inner.substr(0, inner.size() - 1) +
                            R"(, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]]})";
  const Model model =
      load(functional(join({input("x", "[null, 2]"), named,
                            layer("Dense", "d", R"("units": 1)", R"([[["inner", 1, 0, {}]]])")}),
                      R"([["x", 0, 0]])", R"([["d", 0, 0]])"),
           {{"inner", {{"d/kernel:0", {2, 2}}, {"d/bias:0", {2}}}},
            {"d", {{"d/kernel:0", {2, 1}}, {"d/bias:0", {1}}}}});
  const std::string text = dump(model);
  EXPECT_THAT(text, HasSubstr("inner/d/fully_connected: float32[?, 2] = FULLY_CONNECTED(x, "
                              "inner/d/kernel, inner/d/bias)"));
  EXPECT_THAT(text, HasSubstr("  inner/d: float32[?, 2] = RELU(inner/d/fully_connected)"));
  EXPECT_THAT(text, HasSubstr("  d: float32[?, 1] = FULLY_CONNECTED(inner/d, d/kernel, d/bias)"));
}

TEST_F(Load, Keras3) {
  const std::string tensor = R"({"class_name": "__keras_tensor__", "config": {"shape": [null, 2],
      "dtype": "float32", "keras_history": ["x", 0, 0]}})";
  const std::string config =
      R"({"module": "keras", "class_name": "Functional", "config": {"name": "m", "layers": [
      {"module": "keras.layers", "class_name": "InputLayer", "name": "x", "inbound_nodes": [],
       "config": {"batch_shape": [null, 2], "dtype": "float32", "name": "x"}},
      {"module": "keras.layers", "class_name": "Dense", "name": "d", "config": {"name": "d",
       "units": 3, "activation": "relu", "use_bias": true, "dtype": {"module": "keras",
       "class_name": "DTypePolicy", "config": {"name": "float32"}}},
       "inbound_nodes": [{"args": [)" +
      tensor + R"(], "kwargs": {"training": false}}]},
      {"module": "keras.layers", "class_name": "Add", "name": "twice", "config": {"name": "twice"},
       "inbound_nodes": [{"args": [[)" +
      tensor + ", " + tensor + R"(]], "kwargs": {}}]}],
      "input_layers": [["x", 0, 0]], "output_layers": [["d", 0, 0], ["twice", 0, 0]]}})";
  const std::string text =
      dump(load(config, {{"d", {{"d/kernel", {2, 3}}, {"d/bias", {3}}}}}, {}, "3.4.1"));
  EXPECT_THAT(text, HasSubstr("  d: float32[?, 3] = RELU(d/fully_connected)"));
  EXPECT_THAT(text, HasSubstr("  twice: float32[?, 2] = ADD(x, x)"));
}

TEST_F(Load, IntegerInputsAreCast) {
  const Model model = load(functional(
      join({input("x", "[null, 3]", "uint8"),
            layer("Activation", "a", R"("activation": "relu")", R"([[["x", 0, 0, {}]]])")}),
      R"([["x", 0, 0]])", R"([["a", 0, 0]])"));
  EXPECT_THAT(dump(model), HasSubstr("  input x: uint8[?, 3]\n"
                                     "  a/cast: float32[?, 3] = CAST(x) "
                                     "in_type=uint8 out_type=float32\n"
                                     "  a: float32[?, 3] = RELU(a/cast)\n"));
}

TEST_F(Load, OpenShapes) {
  const std::string config =
      test::one_layer("Activation", R"("activation": "relu")", "[null, null, null, 3]");
  EXPECT_THAT(dump(load(config)), HasSubstr("input x: float32[?, ?, ?, 3]"));
  EXPECT_THAT(dump(load(config, {}, {.input_shapes = {{8, 9, 3}}})),
              HasSubstr("input x: float32[?, 8, 9, 3]"));
  EXPECT_THAT(dump(load(config, {}, {.input_shapes = {{2, 8, 9, 3}}})),
              HasSubstr("input x: float32[?, 8, 9, 3]"));
  EXPECT_THAT(error_of(config, {}, {.input_shapes = {{8, 9, 4}}}), HasSubstr("bad_argument"));
  EXPECT_THAT(error_of(config, {}, {.input_shapes = {{3}}}), HasSubstr("another rank"));
}

TEST_F(Load, NamesUnknownLayers) {
  EXPECT_THAT(
      error_of(functional(
          join({input("x", "[null, 3, 1]"),
                layer("Mystery", "mystery_1", R"("units": 2)", R"([[["x", 0, 0, {}]]])"),
                layer("TFOpLambda", "tf.o", R"("function": "o")", R"([["x", 0, 0, {"y": 1}]])")}),
          R"([["x", 0, 0]])", R"([["mystery_1", 0, 0]])")),
      HasSubstr("layers mystery_1 (Mystery), tf.o (tf.o) are not supported"));
}

TEST_F(Load, RefusesWhatIsNoWholeModel) {
  EXPECT_THAT(message_of([&] { keras::load(folder_ / "absent.h5"); }),
              HasSubstr("io: while reading"));
  const std::string relu = test::one_layer("Activation", R"("activation": "relu")", "[null, 3]");
  EXPECT_THAT(error_of(relu, {}, {}, "4.0.0"), HasSubstr("Keras 4 are not supported"));
  EXPECT_THAT(error_of(R"({"class_name": "MyModel", "config": {}})"),
              HasSubstr("class MyModel, whose layers only its Python code knows"));
  {
    hdf5::test::Writer file(path_);
    file.strings_attribute("/", "layer_names", {"d"});
  }
  EXPECT_THAT(message_of([&] { keras::load(path_); }), HasSubstr("holds weights but no layers"));
}

TEST_F(Load, RefusesBrokenStructure) {
  const auto two = [](const std::string& first, const std::string& second) {
    return functional(join({input("x", "[null, 3]"), layer("Dropout", "a", "", first),
                            layer("Dropout", "b", "", second)}),
                      R"([["x", 0, 0]])", R"([["b", 0, 0]])");
  };
  EXPECT_THAT(error_of(two(R"([[["b", 0, 0, {}]]])", R"([[["a", 0, 0, {}]]])")),
              HasSubstr("depends on its own output"));
  EXPECT_THAT(error_of(two(R"([[["c", 0, 0, {}]]])", R"([[["a", 0, 0, {}]]])")),
              HasSubstr("\"c\", which does not exist"));
  EXPECT_THAT(error_of(two(R"([[["x", 0, 0, {}]]])", R"([[["a", 1, 0, {}]]])")),
              HasSubstr("reads call 1 of layer \"a\""));
  EXPECT_THAT(error_of(two(R"([[["x", 0, 0, {}]]])", R"([[["a", 0, 1, {}]]])")),
              HasSubstr("output 1 of layer a does not exist"));
  EXPECT_THAT(error_of(two(R"([[["x", 0, 0, {"training": true}]]])", R"([[["a", 0, 0, {}]]])")),
              HasSubstr("layer a (Dropout): it is called with training=true"));
  EXPECT_THAT(error_of(two("[]", R"([[["a", 0, 0, {}]]])")), HasSubstr("bad_file"));
  EXPECT_THAT(error_of(R"({"class_name": "Sequential", "config": {"layers": []}})"),
              HasSubstr("no layers"));
  EXPECT_THAT(error_of(R"([1, 2])"), HasSubstr("bad_file"));
}

TEST_F(Load, SurvivesDamage) {
  load(
      functional(join({input("x", "[null, 4, 4, 1]"),
                       layer("Conv2D", "c", R"("filters": 2, "kernel_size": [2, 2])",
                             R"([[["x", 0, 0, {}]]])"),
                       layer("BatchNormalization", "n", R"("axis": [3])", R"([[["c", 0, 0, {}]]])"),
                       layer("Flatten", "f", "", R"([[["n", 0, 0, {}]]])")}),
                 R"([["x", 0, 0]])", R"([["f", 0, 0]])"),
      {{"c", {{"c/kernel:0", {2, 2, 1, 2}}, {"c/bias:0", {2}}}},
       {"n",
        {{"n/gamma:0", {2}},
         {"n/beta:0", {2}},
         {"n/moving_mean:0", {2}},
         {"n/moving_variance:0", {2}}}}});
  const std::string original = read_text_file(path_);
  const auto attempt = [&](const std::string& bytes) {
    EXPECT_THAT(message_of([&] { parse(as_bytes(std::string_view(bytes)), nullptr); }),
                AnyOf(HasSubstr("no error"), HasSubstr("bad_file: "), HasSubstr("unsupported: ")));
  };
  for (size_t size = 0; size < original.size(); size += 1 + original.size() / 100) {
    attempt(original.substr(0, size));
  }
  const size_t config = original.find("{\"class_name\"");
  ASSERT_NE(config, std::string::npos);
  Random random(7);
  for (int i = 0; i < 1000; ++i) {
    std::string damaged = original;
    const bool in_config = i % 2 == 0;
    for (uint64_t c = 0; c <= random.below(4); ++c) {
      const size_t at = in_config ? config + random.below(900) : random.below(damaged.size());
      damaged[at] =
          in_config ? static_cast<char>(' ' + random.below(95)) : static_cast<char>(random.next());
    }
    attempt(damaged);
  }
}

/// Every model of a folder: imported, or refused with a reason.
class Collection : public testing::TestWithParam<std::string> {};

TEST_P(Collection, ImportsOrSaysWhyNot) {
  const char* models = std::getenv("SMELT_MODELS");
  if (models == nullptr || !std::filesystem::is_directory(models)) GTEST_SKIP() << "no models";
  const std::filesystem::path folder = std::filesystem::path(models) / GetParam();
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "no such folder";
  int imported = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string suffix = entry.path().extension();
    if (suffix != ".h5" && suffix != ".hdf5") continue;
    const std::string message = message_of([&] { load(entry.path()); });
    imported += message == "no error";
    EXPECT_THAT(message, AnyOf("no error", HasSubstr("unsupported: "), HasSubstr("bad_file: ")));
  }
  EXPECT_GE(imported, 1);
}

INSTANTIATE_TEST_SUITE_P(Folders, Collection,
                         testing::Values("mlperf_tiny", "mobilenet_v2_cifar10", "keras"),
                         [](const auto& folder) { return folder.param; });

TEST(MlperfTiny, ModelsImport) {
  const char* models = std::getenv("SMELT_MODELS");
  if (models == nullptr || !std::filesystem::is_directory(models)) GTEST_SKIP() << "no models";
  for (const char* name : {"pretrainedResnet.h5", "vww_96.h5", "ad01.h5"}) {
    const auto path = std::filesystem::path(models) / "mlperf_tiny" / name;
    EXPECT_EQ(message_of([&] { load(path); }), "no error") << name;
  }
}

}  // namespace
}  // namespace smelt::keras
