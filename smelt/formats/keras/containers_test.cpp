#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/base/file.h"
#include "smelt/base/random.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/formats/keras/test_model.h"
#include "smelt/formats/zip/test_zip.h"

namespace smelt::keras {
namespace {

using test::message_of;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Layers and calls as Keras 3 writes them.
std::string dense3(const std::string& name, int units, const std::string& from) {
  return R"({"module": "keras.layers", "class_name": "Dense", "name": ")" + name +
         R"(", "config": {"name": ")" + name + R"(", "units": )" + std::to_string(units) +
         R"(, "use_bias": false}, "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__",
          "config": {"keras_history": [")" +
         from + R"(", 0, 0]}}], "kwargs": {}}]})";
}

std::string functional3(const std::string& layers, const std::string& output) {
  return R"({"module": "keras.src.models.functional", "class_name": "Functional", "config":
      {"name": "m", "layers": [{"class_name": "InputLayer", "name": "x", "config":
      {"batch_shape": [null, 2], "dtype": "float32", "name": "x"}, "inbound_nodes": []}, )" +
         layers + R"(], "input_layers": [["x", 0, 0]], "output_layers": [[")" + output +
         R"(", 0, 0]]}})";
}

class Containers : public testing::Test {
 protected:
  /// A file of weights as Keras 3 numbers them: (group of "vars", shapes); values count up.
  std::string object_weights(
      const std::vector<std::pair<std::string, std::vector<std::vector<hsize_t>>>>& layers) {
    const auto path = folder_ / "weights.h5";
    {
      hdf5::test::Writer file(path);
      file.group("layers");
      float next = 0;
      for (const auto& [layer, shapes] : layers) {
        std::string group = "layers/" + layer;
        file.group(group);
        file.group(group + "/vars");
        for (size_t i = 0; i < shapes.size(); ++i) {
          std::vector<float> values;
          for (hsize_t k = 0; k < shapes[i][0] * shapes[i][1]; ++k) values.push_back(next++);
          file.floats(group + "/vars/" + std::to_string(i), shapes[i], values);
        }
      }
    }
    return read_text_file(path);
  }

  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    write_file(folder_ / name, as_bytes(std::string_view(bytes)));
    return folder_ / name;
  }

  static std::vector<float> constant(const Graph& graph, const std::string& name) {
    for (const TensorId id : graph.tensors()) {
      const Tensor& tensor = graph.tensor(id);
      if (tensor.name != name) continue;
      const auto values = tensor.data.as<float>();
      return {values.begin(), values.end()};
    }
    ADD_FAILURE() << "no constant " << name;
    return {};
  }

  const std::string config_ = functional3(dense3("b", 1, "x") + ", " + dense3("a", 1, "b"), "a");
  hdf5::test::TemporaryFolder folder_;
};

TEST_F(Containers, ArchiveOfKeras3) {
  const std::string weights = object_weights({{"dense", {{2, 1}}}, {"dense_1", {{1, 1}}}});
  for (const bool compress : {false, true}) {
    const auto path =
        write("m.keras", zip::test::make_zip({{"metadata.json", R"({"keras_version": "3.4.1"})"},
                                              {"config.json", config_},
                                              {"model.weights.h5", weights}},
                                             compress));
    const Model model = load(path);
    EXPECT_EQ(model.source.format, "keras");
    // Weights are filed under the class and its number in the order of the layers.
    EXPECT_THAT(constant(model.main(), "b/kernel"), ElementsAre(0, 1));
    EXPECT_THAT(constant(model.main(), "a/kernel"), ElementsAre(2));
  }
}

TEST_F(Containers, WeightsFiledUnderNames) {
  const std::string weights = object_weights({{"a", {{1, 1}}}, {"b", {{2, 1}}}});
  const Model model = load(write(
      "m.keras", zip::test::make_zip({{"config.json", config_}, {"model.weights.h5", weights}})));
  EXPECT_THAT(constant(model.main(), "a/kernel"), ElementsAre(0));
}

TEST_F(Containers, ArchiveInSeveralFiles) {
  const std::string first = object_weights({{"dense", {{2, 1}}}});
  const std::string second = object_weights({{"dense_1", {{1, 1}}}});
  const Model model =
      load(write("m.keras", zip::test::make_zip({{"config.json", config_},
                                                 {"model.weights.json", "{}"},
                                                 {"model_00000.weights.h5", first},
                                                 {"model_00001.weights.h5", second}})));
  EXPECT_THAT(constant(model.main(), "a/kernel"), ElementsAre(0));
}

TEST_F(Containers, LayersAndWeightsInTwoFiles) {
  const auto weights =
      write("w.weights.h5", object_weights({{"dense", {{2, 1}}}, {"dense_1", {{1, 1}}}}));
  const auto config = write("config.json", config_);
  EXPECT_THAT(message_of([&] { load(weights); }), HasSubstr("--config FILE"));
  EXPECT_THAT(message_of([&] { load(config); }), HasSubstr("--weights FILE"));
  EXPECT_THAT(constant(load(weights, {.config = config}).main(), "a/kernel"), ElementsAre(2));
  EXPECT_THAT(constant(load(config, {.weights = weights}).main(), "a/kernel"), ElementsAre(2));
}

TEST_F(Containers, LegacyWeightsOfOtherNamesMatchInOrder) {
  const auto path = folder_ / "legacy.h5";
  {
    hdf5::test::Writer file(path);
    file.strings_attribute("/", "layer_names", {"drop", "first", "second"});
    file.group("drop");
    file.empty_attribute("drop", "weight_names");
    for (const std::string name : {"first", "second"}) {
      file.group(name);
      file.group(name + "/" + name);
      file.strings_attribute(name, "weight_names", {name + "/kernel:0"});
    }
    file.floats("first/first/kernel:0", {2, 1}, {5, 6});
    file.floats("second/second/kernel:0", {1, 1}, {7});
  }
  const Model model = load(write("config.json", config_), {.weights = path});
  EXPECT_THAT(constant(model.main(), "b/kernel"), ElementsAre(5, 6));
  EXPECT_THAT(constant(model.main(), "a/kernel"), ElementsAre(7));
}

TEST_F(Containers, SurvivesDamage) {
  const std::string good = zip::test::make_zip(
      {{"config.json", config_},
       {"model.weights.h5", object_weights({{"dense", {{2, 1}}}, {"dense_1", {{1, 1}}}})}},
      true);
  Random random(11);
  for (int round = 0; round < 500; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    EXPECT_THAT(message_of([&] { parse(as_bytes(std::string_view(bytes)), nullptr); }),
                AnyOf(HasSubstr("no error"), HasSubstr("bad_file: "), HasSubstr("unsupported: ")));
  }
}

class Models : public testing::Test {
 protected:
  Model load(const std::string& config, const std::vector<test::LayerWeights>& weights = {},
             const LoadOptions& options = {}, const std::string& version = "2.4.0") {
    test::write_model(path_, config, weights, version);
    return keras::load(path_, options);
  }
  /// "CONV_2D RELU".
  static std::string ops(const Graph& graph) {
    std::string text;
    for (const OpId id : graph.ops()) {
      text += (text.empty() ? "" : " ") + std::string(name(graph.op(id).type));
    }
    return text;
  }

  hdf5::test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "model.h5";
};

TEST_F(Models, Keras1NamesAndKernels) {
  // Theano's order: filters, channels, rows, columns.
  const Model model = load(
      R"({"class_name": "Sequential", "config": [
          {"class_name": "Convolution2D", "config": {"name": "c", "nb_filter": 1, "nb_row": 1,
           "nb_col": 2, "border_mode": "valid", "subsample": [1, 1], "dim_ordering": "tf",
           "bias": true, "activation": "relu", "batch_input_shape": [null, 2, 2, 2]}},
          {"class_name": "Flatten", "config": {"name": "f"}},
          {"class_name": "Dense", "config": {"name": "d", "output_dim": 1, "bias": false}}]})",
      {{"c", {{"c_W", {1, 2, 1, 2}}, {"c_b", {1}}}}, {"f", {}}, {"d", {{"d_W", {2, 1}}}}}, {},
      "1.2.2");
  EXPECT_EQ(ops(model.main()), "CONV_2D RELU RESHAPE FULLY_CONNECTED");
  for (const TensorId id : model.main().tensors()) {
    const Tensor& tensor = model.main().tensor(id);
    if (tensor.name == "c/kernel") {
      EXPECT_THAT(tensor.data.as<float>(), ElementsAre(0, 2, 1, 3));
    }
  }
}

TEST_F(Models, TimeDistributedFoldsSteps) {
  const Model model = load(test::one_layer(
      "TimeDistributed", R"("layer": {"class_name": "Flatten", "config": {"name": "f"}})",
      "[null, 3, 2, 2]"));
  const Graph& graph = model.main();
  EXPECT_EQ(ops(graph), "RESHAPE RESHAPE RESHAPE");
  EXPECT_EQ(graph.tensor(graph.outputs()[0]).shape, Shape({1, 3, 4}));
}

TEST_F(Models, TimeDistributedDenseIsOneOp) {
  const Model model =
      load(test::one_layer("TimeDistributed",
                           R"("layer": {"class_name": "Dense", "config": {"name": "i", "units": 2,
                              "activation": "linear"}})",
                           "[null, 3, 4]"),
           {{"l", {{"l/kernel:0", {4, 2}}, {"l/bias:0", {2}}}}});
  EXPECT_EQ(ops(model.main()), "FULLY_CONNECTED");
}

TEST_F(Models, OpenAxesStayOpen) {
  const Model model = load(test::one_layer("TimeDistributed",
                                           R"("layer": {"class_name": "Flatten", "config":
                                              {"name": "f"}})",
                                           "[null, null, 2, 2]"));
  const Graph& graph = model.main();
  EXPECT_EQ(graph.tensor(graph.inputs()[0]).shape_signature, Shape({-1, -1, 2, 2}));
  EXPECT_EQ(graph.tensor(graph.outputs()[0]).shape_signature, Shape({-1, -1, 4}));
  EXPECT_TRUE(graph.tensor(graph.outputs()[0]).shape.known());
  EXPECT_THAT(message_of([&] {
                load(test::one_layer("Dense", R"("units": 1)", "[null, null]"),
                     {{"l", {{"l/kernel:0", {4, 1}}, {"l/bias:0", {1}}}}});
              }),
              HasSubstr("--input-shape"));
}

TEST_F(Models, PrunedLayersLoseTheirWrapper) {
  const Model model = load(
      test::one_layer("PruneLowMagnitude",
                      R"("layer": {"class_name": "Dense", "config": {"name": "d", "units": 1}})",
                      "[null, 2]"),
      {{"l",
        {{"l/mask:0", {2, 1}},
         {"l/kernel:0", {2, 1}},
         {"l/bias:0", {1}},
         {"l/threshold:0", {1}}}}});
  EXPECT_EQ(ops(model.main()), "FULLY_CONNECTED");
}

TEST_F(Models, CodeIsRefused) {
  EXPECT_THAT(message_of([&] {
                load(test::one_layer("Lambda",
                                     R"("function": ["4wEAAA==", null, null], "module": "__main__",
                                        "function_type": "lambda")",
                                     "[null, 2]"));
              }),
              HasSubstr("layer l (Lambda): it holds Python code"));
}

TEST_F(Models, UnknownLayersAsCustomOps) {
  const std::string config = test::one_layer("Mystery", "", "[null, 2]");
  const std::vector<test::LayerWeights> weights{{"l", {{"l/w:0", {3}}}}};
  EXPECT_THAT(message_of([&] { load(config, weights); }), HasSubstr("l (Mystery)"));
  const Model model = load(config, weights, {.ignore_custom = true});
  const Graph& graph = model.main();
  const Op& op = graph.op(graph.ops().at(0));
  EXPECT_EQ(op.as<CustomAttributes>().code, "Mystery");
  EXPECT_EQ(op.inputs.size(), 2u);
}

std::string calls(const std::string& layers, const std::string& output) {
  return R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "x", "inbound_nodes": [], "config":
       {"batch_input_shape": [null, 4, 6], "dtype": "float32", "name": "x"}}, )" +
         layers + R"(], "input_layers": [["x", 0, 0]], "output_layers": [[")" + output +
         R"(", 0, 0]]}})";
}

std::string tf_op(const std::string& name, const std::string& function, const std::string& nodes) {
  return R"({"class_name": "TFOpLambda", "name": ")" + name + R"(", "config": {"name": ")" + name +
         R"(", "function": ")" + function + R"("}, "inbound_nodes": )" + nodes + "}";
}

TEST_F(Models, FunctionsOfTensorFlow) {
  const Model model = load(calls(
      tf_op("a", "math.multiply", R"([["x", 0, 0, {"y": 2.0, "name": null}]])") + ", " +
          tf_op("b", "concat", R"([[["a", 0, 0, {"axis": 1}], ["x", 0, 0, {"axis": 1}]]])") + ", " +
          tf_op("c", "__operators__.getitem", R"([["b", 0, 0, {"slice_spec": [
              {"start": null, "stop": null, "step": null}, {"start": 1, "stop": -1, "step": null},
              0]}]])") +
          ", " +
          tf_op("d", "math.subtract", R"([["_CONSTANT_VALUE", -1, 1.0, {"y": ["c", 0, 0]}]])"),
      "d"));
  const Graph& graph = model.main();
  EXPECT_EQ(ops(graph), "MUL CONCATENATION STRIDED_SLICE RESHAPE SUB");
  EXPECT_EQ(graph.tensor(graph.outputs()[0]).shape, Shape({1, 6}));
  EXPECT_THAT(message_of([&] {
                load(calls(tf_op("a", "math.igamma", R"([["x", 0, 0, {"x": 2.0}]])"), "a"));
              }),
              HasSubstr("a (tf.math.igamma)"));
}

TEST_F(Models, NodesOfTensorFlowGraphs) {
  const Model model = load(calls(
      R"({"class_name": "TensorFlowOpLayer", "name": "t", "config": {"name": "t", "node_def":
          {"name": "t", "op": "Transpose", "input": ["x", "perm"], "attr": {}},
          "constants": {"1": [0, 2, 1]}}, "inbound_nodes": [[["x", 0, 0, {}]]]})",
      "t"));
  EXPECT_EQ(ops(model.main()), "TRANSPOSE");
}

TEST_F(Models, OperationsOfKeras3) {
  const std::string tensor = R"({"class_name": "__keras_tensor__", "config":
      {"keras_history": ["x", 0, 0]}})";
  // Archives name the module, .h5 files do not.
  for (const std::string module : {R"("module": "keras.src.ops.numpy", )", ""}) {
    const Model model = load(calls("{" + module + R"("class_name": "Mean", "name": "m", "config":
          {"name": "m", "axis": 1, "keepdims": false}, "inbound_nodes": [{"args": [)" +
                                       tensor + R"(], "kwargs": {}}]})",
                                   "m"),
                             {}, {}, "3.1.0");
    const Graph& graph = model.main();
    EXPECT_EQ(ops(graph), "MEAN");
    EXPECT_EQ(graph.tensor(graph.outputs()[0]).shape, Shape({1, 6}));
  }
}

}  // namespace
}  // namespace smelt::keras
