// What each layer becomes, as the text of the graph.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "smelt/formats/keras/test_model.h"

namespace smelt::keras {
namespace {

using test::message_of;
using test::one_layer;
using test::Weight;
using testing::ElementsAre;
using testing::HasSubstr;

class Layers : public testing::Test {
 protected:
  Model load(const std::string& class_name, const std::string& settings,
             const std::string& input_shape, const std::vector<Weight>& weights = {},
             const std::string& version = "2.4.0") {
    const auto path = folder_ / "model.h5";
    test::write_model(path, one_layer(class_name, settings, input_shape),
                      {{"x", {}}, {"l", weights}}, version);
    return keras::load(path);
  }

  /// Its ops, without the frame that is always the same; attributes that are defaults are cut.
  std::string ops(const Model& model) {
    const Graph& graph = model.main();
    std::string text;
    for (const OpId id : graph.ops()) {
      const Op& op = graph.op(id);
      text += fmt::format("{}{} = {}(", describe(graph, op.output()),
                          to_string(*graph.tensor(op.output()).shape_signature), name(op.type));
      for (const TensorId input : op.inputs) {
        text += (input == op.inputs[0] ? "" : ", ") + operand(graph, input);
      }
      text += ")\n";
    }
    return text;
  }

  static std::string operand(const Graph& graph, TensorId id) {
    if (!id || !graph.tensor(id).is_constant) return describe(graph, id);
    const Tensor& tensor = graph.tensor(id);
    if (tensor.type == DataType::int32) {
      std::string text;
      for (const int32_t v : tensor.data.as<int32_t>()) text += fmt::format(" {}", v);
      return "[" + text.substr(1) + "]";
    }
    if (tensor.shape.rank() == 0) return fmt::format("{:.4g}", tensor.data.as<float>()[0]);
    return tensor.name + to_string(tensor.shape);
  }

  std::string ops_of(const std::string& class_name, const std::string& settings,
                     const std::string& input_shape, const std::vector<Weight>& weights = {},
                     const std::string& version = "2.4.0") {
    return ops(load(class_name, settings, input_shape, weights, version));
  }

  std::string error_of(const std::string& class_name, const std::string& settings,
                       const std::string& input_shape, const std::vector<Weight>& weights = {}) {
    return message_of([&] { load(class_name, settings, input_shape, weights); });
  }

  static std::vector<float> values(const Model& model, const std::string& name) {
    const Graph& graph = model.main();
    for (const TensorId id : graph.tensors()) {
      if (graph.tensor(id).name != name) continue;
      const auto span = graph.tensor(id).data.as<float>();
      return {span.begin(), span.end()};
    }
    return {};
  }

  hdf5::test::TemporaryFolder folder_;
};

TEST_F(Layers, Conv2D) {
  const Model model = load("Conv2D",
                           R"("filters": 3, "kernel_size": [1, 2], "strides": [2, 1],
                              "padding": "same", "activation": "relu")",
                           "[null, 5, 6, 2]", {{"l/kernel:0", {1, 2, 2, 3}}, {"l/bias:0", {3}}});
  EXPECT_EQ(ops(model),
            "l/conv_2d[?, 3, 6, 3] = CONV_2D(x, l/kernel[3, 1, 2, 2], l/bias[3])\n"
            "l[?, 3, 6, 3] = RELU(l/conv_2d)\n");
  EXPECT_THAT(values(model, "l/kernel"), ElementsAre(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11));
  const auto& attributes = model.main().op(model.main().ops()[0]).as<Conv2DAttributes>();
  EXPECT_EQ(attributes, (Conv2DAttributes{.padding = Padding::same, .stride_h = 2}));
}

TEST_F(Layers, Conv2DGroupsAndDilation) {
  const Model model = load("Conv2D",
                           R"("filters": 4, "kernel_size": 3, "groups": 2, "use_bias": false,
                              "dilation_rate": [2, 1])",
                           "[null, 8, 8, 6]", {{"l/kernel:0", {3, 3, 3, 4}}});
  EXPECT_EQ(ops(model), "l[?, 4, 6, 4] = CONV_2D(x, l/kernel[4, 3, 3, 3], none)\n");
}

TEST_F(Layers, DepthwiseConv2D) {
  const Model model =
      load("DepthwiseConv2D", R"("kernel_size": [2, 1], "depth_multiplier": 2, "use_bias": true)",
           "[null, 4, 4, 3]", {{"l/depthwise_kernel:0", {2, 1, 3, 2}}, {"l/bias:0", {6}}});
  EXPECT_EQ(ops(model),
            "l[?, 3, 4, 6] = DEPTHWISE_CONV_2D(x, l/depthwise_kernel[1, 2, 1, 6], l/bias[6])\n");
  EXPECT_THAT(values(model, "l/depthwise_kernel"),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_EQ(model.main().op(model.main().ops()[0]).as<DepthwiseConv2DAttributes>().depth_multiplier,
            2);
}

TEST_F(Layers, SeparableConv2D) {
  EXPECT_EQ(
      ops_of("SeparableConv2D", R"("filters": 5, "kernel_size": [3, 3], "padding": "same")",
             "[null, 4, 4, 2]",
             {{"l/depthwise_kernel:0", {3, 3, 2, 1}},
              {"l/pointwise_kernel:0", {1, 1, 2, 5}},
              {"l/bias:0", {5}}}),
      "l/depthwise_conv_2d[?, 4, 4, 2] = DEPTHWISE_CONV_2D(x, l/depthwise_kernel[1, 3, 3, 2], "
      "none)\n"
      "l[?, 4, 4, 5] = CONV_2D(l/depthwise_conv_2d, l/pointwise_kernel[5, 1, 1, 2], "
      "l/bias[5])\n");
}

TEST_F(Layers, Dense) {
  const Model model = load("Dense", R"("units": 3, "activation": "softmax")", "[null, 2]",
                           {{"l/kernel:0", {2, 3}}, {"l/bias:0", {3}}});
  EXPECT_EQ(ops(model),
            "l/fully_connected[?, 3] = FULLY_CONNECTED(x, l/kernel[3, 2], l/bias[3])\n"
            "l[?, 3] = SOFTMAX(l/fully_connected)\n");
  EXPECT_THAT(values(model, "l/kernel"), ElementsAre(0, 3, 1, 4, 2, 5));
  const Model wide =
      load("Dense", R"("units": 3, "use_bias": false)", "[null, 7, 2]", {{"l/kernel:0", {2, 3}}});
  EXPECT_EQ(ops(wide), "l[?, 7, 3] = FULLY_CONNECTED(x, l/kernel[3, 2], none)\n");
  EXPECT_TRUE(wide.main().op(wide.main().ops()[0]).as<FullyConnectedAttributes>().keep_num_dims);
}

TEST_F(Layers, WeightsOfOldNamesAreFoundByOrder) {
  const Model model =
      load("Dense", R"("units": 3)", "[null, 2]", {{"dense_W", {2, 3}}, {"dense_b", {3}}});
  EXPECT_EQ(ops(model), "l[?, 3] = FULLY_CONNECTED(x, l/kernel[3, 2], l/bias[3])\n");
}

TEST_F(Layers, BatchNormalization) {
  const Model model = load("BatchNormalization", R"("axis": [3], "epsilon": 0.01, "momentum": 0.5)",
                           "[null, 2, 2, 4]",
                           {{"l/gamma:0", {4}},
                            {"l/beta:0", {4}},
                            {"l/moving_mean:0", {4}},
                            {"l/moving_variance:0", {4}}});
  EXPECT_EQ(ops(model),
            "l[?, 2, 2, 4] = BATCH_NORMALIZATION(x, l/gamma[4], l/beta[4], l/moving_mean[4], "
            "l/moving_variance[4])\n");
  EXPECT_EQ(model.main().op(model.main().ops()[0]).as<BatchNormalizationAttributes>(),
            (BatchNormalizationAttributes{.epsilon = 0.01f, .momentum = 0.5f, .axis = -1}));
  EXPECT_EQ(ops_of("BatchNormalization", R"("axis": 1, "scale": false, "center": false)",
                   "[null, 4]", {{"l/moving_mean:0", {4}}, {"l/moving_variance:0", {4}}}),
            "l[?, 4] = BATCH_NORMALIZATION(x, none, none, l/moving_mean[4], "
            "l/moving_variance[4])\n");
  const Model rows =
      load("BatchNormalization", R"("axis": [1], "scale": false, "center": false)",
           "[null, 2, 3, 4]", {{"l/moving_mean:0", {2}}, {"l/moving_variance:0", {2}}});
  EXPECT_EQ(rows.main().op(rows.main().ops()[0]).as<BatchNormalizationAttributes>().axis, 1);
}

TEST_F(Layers, Pooling) {
  EXPECT_EQ(ops_of("MaxPooling2D", R"("pool_size": [3, 2], "padding": "same", "strides": null)",
                   "[null, 7, 7, 2]"),
            "l[?, 3, 4, 2] = MAX_POOL_2D(x)\n");
  EXPECT_EQ(ops_of("AveragePooling2D", R"("pool_size": 2, "strides": [1, 2], "padding": "valid")",
                   "[null, 7, 7, 2]"),
            "l[?, 6, 3, 2] = AVERAGE_POOL_2D(x)\n");
  EXPECT_EQ(ops_of("GlobalAveragePooling2D", "", "[null, 7, 7, 2]"), "l[?, 2] = MEAN(x, [1 2])\n");
  EXPECT_EQ(ops_of("GlobalMaxPooling2D", R"("keepdims": true)", "[null, 7, 7, 2]"),
            "l[?, 1, 1, 2] = REDUCE_MAX(x, [1 2])\n");
}

TEST_F(Layers, Shapes) {
  EXPECT_EQ(ops_of("Flatten", "", "[null, 2, 3, 4]"), "l[?, 24] = RESHAPE(x, [-1 24])\n");
  EXPECT_EQ(ops_of("Reshape", R"("target_shape": [6, -1])", "[null, 2, 3, 4]"),
            "l[?, 6, 4] = RESHAPE(x, [-1 6 4])\n");
  EXPECT_EQ(ops_of("ZeroPadding2D", R"("padding": [[0, 1], [2, 3]])", "[null, 4, 4, 1]"),
            "l[?, 5, 9, 1] = PAD(x, [0 0 0 1 2 3 0 0])\n");
  EXPECT_EQ(ops_of("ZeroPadding2D", R"("padding": [1, 2])", "[null, 4, 4, 1]"),
            "l[?, 6, 8, 1] = PAD(x, [0 0 1 1 2 2 0 0])\n");
}

TEST_F(Layers, Dropouts) {
  const Model model = load("Dropout", R"("rate": 0.25)", "[null, 4]");
  EXPECT_EQ(ops(model), "l[?, 4] = DROPOUT(x)\n");
  EXPECT_EQ(model.main().op(model.main().ops()[0]).as<DropoutAttributes>().rate, 0.25f);
  EXPECT_EQ(ops_of("GaussianNoise", R"("stddev": 0.1)", "[null, 4]"), "");
}

TEST_F(Layers, ReluWithItsParameters) {
  const auto relu = [&](const std::string& settings) {
    return ops_of("ReLU", settings, "[null, 4]");
  };
  EXPECT_EQ(relu(""), "l[?, 4] = RELU(x)\n");
  EXPECT_EQ(relu(R"("max_value": null, "negative_slope": 0.0, "threshold": 0.0)"),
            "l[?, 4] = RELU(x)\n");
  EXPECT_EQ(relu(R"("max_value": 6.0)"), "l[?, 4] = RELU6(x)\n");
  EXPECT_EQ(relu(R"("max_value": 1.5)"),
            "l/relu[?, 4] = RELU(x)\n"
            "l[?, 4] = MINIMUM(l/relu, 1.5)\n");
  EXPECT_EQ(relu(R"("negative_slope": 0.1)"), "l[?, 4] = LEAKY_RELU(x)\n");
  EXPECT_EQ(relu(R"("max_value": 6, "negative_slope": 0.5)"),
            "l/relu6[?, 4] = RELU6(x)\n"
            "l/neg[?, 4] = NEG(x)\n"
            "l/relu[?, 4] = RELU(l/neg)\n"
            "l/mul[?, 4] = MUL(l/relu, 0.5)\n"
            "l[?, 4] = SUB(l/relu6, l/mul)\n");
  EXPECT_EQ(relu(R"("max_value": 2, "negative_slope": 0.5, "threshold": 1)"),
            "l/greater[?, 4] = GREATER(x, 1)\n"
            "l/select_v2[?, 4] = SELECT_V2(l/greater, x, 0)\n"
            "l/minimum[?, 4] = MINIMUM(l/select_v2, 2)\n"
            "l/relu[?, 4] = RELU(l/minimum)\n"
            "l/sub[?, 4] = SUB(1, x)\n"
            "l/relu_1[?, 4] = RELU(l/sub)\n"
            "l/mul[?, 4] = MUL(l/relu_1, 0.5)\n"
            "l[?, 4] = SUB(l/relu, l/mul)\n");
}

TEST_F(Layers, ActivationLayers) {
  EXPECT_EQ(ops_of("LeakyReLU", R"("alpha": 0.2)", "[null, 4]"), "l[?, 4] = LEAKY_RELU(x)\n");
  EXPECT_EQ(ops_of("ELU", R"("alpha": 1.0)", "[null, 4]"), "l[?, 4] = ELU(x)\n");
  EXPECT_EQ(ops_of("ELU", R"("alpha": 0.5)", "[null, 4]"),
            "l/elu[?, 4] = ELU(x)\n"
            "l[?, 4] = LEAKY_RELU(l/elu)\n");
  EXPECT_EQ(ops_of("Softmax", R"("axis": -1)", "[null, 3, 4]"), "l[?, 3, 4] = SOFTMAX(x)\n");
  EXPECT_EQ(ops_of("Softmax", R"("axis": [1])", "[null, 3, 4]"),
            "l/transpose[?, 4, 3] = TRANSPOSE(x, [0 2 1])\n"
            "l/softmax[?, 4, 3] = SOFTMAX(l/transpose)\n"
            "l[?, 3, 4] = TRANSPOSE(l/softmax, [0 2 1])\n");
  EXPECT_THAT(error_of("Softmax", R"("axis": 0)", "[null, 3, 4]"), HasSubstr("unsupported"));
}

TEST_F(Layers, ActivationsByName) {
  const auto activation = [&](const std::string& described, const std::string& version = "2.4.0") {
    return ops_of("Activation", R"("activation": )" + described, "[null, 4]", {}, version);
  };
  EXPECT_EQ(activation(R"("linear")"), "");
  EXPECT_EQ(activation(R"("relu6")"), "l[?, 4] = RELU6(x)\n");
  EXPECT_EQ(activation(R"("sigmoid")"), "l[?, 4] = LOGISTIC(x)\n");
  EXPECT_EQ(activation(R"("tanh")"), "l[?, 4] = TANH(x)\n");
  EXPECT_EQ(activation(R"("swish")"),
            "l/logistic[?, 4] = LOGISTIC(x)\n"
            "l[?, 4] = MUL(x, l/logistic)\n");
  EXPECT_EQ(activation(R"("hard_sigmoid")"),
            "l/mul[?, 4] = MUL(x, 1.2)\n"
            "l/add[?, 4] = ADD(l/mul, 3)\n"
            "l/relu6[?, 4] = RELU6(l/add)\n"
            "l[?, 4] = MUL(l/relu6, 0.1667)\n");
  EXPECT_EQ(activation(R"("hard_sigmoid")", "3.4.1"),
            "l/add[?, 4] = ADD(x, 3)\n"
            "l/relu6[?, 4] = RELU6(l/add)\n"
            "l[?, 4] = MUL(l/relu6, 0.1667)\n");
  EXPECT_EQ(activation(R"({"module": "builtins", "class_name": "function", "config": "relu"})"),
            "l[?, 4] = RELU(x)\n");
  EXPECT_EQ(activation(R"({"class_name": "ReLU", "config": {"max_value": 6}})"),
            "l[?, 4] = RELU6(x)\n");
  EXPECT_THAT(error_of("Activation", R"("activation": "own_one")", "[null, 4]"),
              HasSubstr("unsupported: while reading"));
  EXPECT_THAT(error_of("Activation", R"("activation": "own_one")", "[null, 4]"),
              HasSubstr("layer l (Activation): activation \"own_one\" is not supported"));
}

TEST_F(Layers, RefusesWhatItWouldGetWrong) {
  const std::string conv = R"("filters": 1, "kernel_size": 1)";
  EXPECT_THAT(error_of("Conv2D", conv + R"(, "data_format": "sideways")", "[null, 4, 4, 1]"),
              HasSubstr("data_format \"sideways\" is unknown"));
  EXPECT_THAT(error_of("Conv2D", conv + R"(, "padding": "causal")", "[null, 4, 4, 1]"),
              HasSubstr("padding \"causal\""));
  EXPECT_THAT(error_of("Mystery", R"("units": 1)", "[null, 4, 1]"),
              HasSubstr("unsupported: while reading"));
  EXPECT_THAT(error_of("Mystery", R"("units": 1)", "[null, 4, 1]"),
              HasSubstr("layer l (Mystery) is not supported"));
}

TEST_F(Layers, ChecksSizesBeforeReading) {
  const std::vector<Weight> weights{{"l/kernel:0", {2, 3}}, {"l/bias:0", {3}}};
  EXPECT_THAT(error_of("Dense", R"("units": 4)", "[null, 2]", weights),
              HasSubstr("shape [2, 3] where the configuration asks for [2, 4]"));
  EXPECT_THAT(error_of("Dense", R"("units": 1000000000)", "[null, 2]", weights),
              HasSubstr("bad_file"));
  EXPECT_THAT(error_of("Dense", R"("units": 0)", "[null, 2]", weights),
              HasSubstr("\"units\" is 0"));
  EXPECT_THAT(error_of("Dense", R"("units": 3)", "[null, 2]"), HasSubstr("no weight \"kernel\""));
  EXPECT_THAT(error_of("MaxPooling2D", R"("pool_size": 9)", "[null, 4, 4, 1]"),
              HasSubstr("a window of 9 cells does not fit an input of 4"));
  EXPECT_THAT(error_of("ZeroPadding2D", R"("padding": 200000000)", "[null, 4, 4, 1]"),
              HasSubstr("too large"));
  EXPECT_THAT(error_of("Reshape", R"("target_shape": [5])", "[null, 4]"), HasSubstr("cannot take"));
  EXPECT_THAT(error_of("Flatten", "", "[null, 1000000, 1000000]"), HasSubstr("not in [1,"));
}

}  // namespace
}  // namespace smelt::keras
