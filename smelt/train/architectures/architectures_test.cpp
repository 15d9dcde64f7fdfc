#include <gtest/gtest.h>

#include <cmath>

#include "smelt/data/test_files.h"
#include "smelt/ir/dump.h"
#include "smelt/passes/pipeline.h"
#include "smelt/train/architectures/architecture.h"
#include "smelt/train/architectures/initializers.h"

namespace smelt::train {
namespace {

int64_t parameters(const Model& model) {
  int64_t count = 0;
  const Graph& graph = model.main();
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant && tensor.type == DataType::float32) count += tensor.shape.elements();
  }
  return count;
}

struct Known {
  const char* name;
  ArchitectureOptions options;
  int64_t parameters;  ///< Keras's Model.count_params()
};

TEST(Architectures, HaveAsManyParametersAsInKeras) {
  const Known known[] = {
      {"mobilenet_v1", {.input = {32, 32, 3}}, 3239114},
      {"mobilenet_v1", {.input = {96, 96, 1}, .classes = 2, .width = 0.25}, 218914},
      {"mobilenet_v2", {.input = {32, 32, 3}}, 2270794},
      {"mobilenet_v2", {.input = {32, 32, 3}, .width = 0.35}, 423018},
      {"mobilenet_v2", {.input = {33, 47, 3}, .classes = 3, .width = 1.4}, 4369091},
      {"resnet8", {.input = {32, 32, 3}}, 78666},
      {"ds_cnn", {.input = {49, 10, 1}, .classes = 12}, 24908},
      {"mlp", {.input = {28, 28, 1}, .units = {64, 32}}, 52650},
      {"lstm", {.input = {28, 28, 1}, .units = {20}}, 4130},
  };
  for (const Known& each : known) {
    EXPECT_EQ(parameters(make_architecture(each.name, each.options)), each.parameters)
        << each.name << " " << each.options.width;
  }
}

TEST(Architectures, RunAfterTheInferencePipeline) {
  for (const std::string& name : architecture_names()) {
    Model model = make_architecture(name, {.input = {32, 32, 3}, .classes = 7});
    run_pipeline(model, inference_pipeline());
    const Graph& graph = model.main();
    EXPECT_EQ(graph.tensor(graph.outputs().at(0)).shape, (Shape{1, 7})) << name;
    EXPECT_EQ(training_form_op(graph), "") << name;
  }
}

TEST(Architectures, DependOnTheSeedAlone) {
  const auto make = [](uint64_t seed) {
    return make_architecture("resnet8", {.input = {16, 16, 3}, .seed = seed});
  };
  EXPECT_EQ(difference(make(1), make(1)), "");
  EXPECT_NE(difference(make(1), make(2)), "");
}

TEST(Architectures, StridesSayWhereImagesShrink) {
  const Model model =
      make_architecture("mobilenet_v2", {.input = {32, 32, 3}, .strides = {1, 1, 2, 2, 2}});
  const Graph& graph = model.main();
  for (const OpId id : graph.ops()) {
    if (graph.op(id).origin == "out_relu") {
      EXPECT_EQ(graph.tensor(graph.op(id).output()).shape, (Shape{1, 4, 4, 1280}));
    }
  }
}

TEST(Architectures, SaysWhatIsWrong) {
  const auto error = [](const char* name, const ArchitectureOptions& options) {
    return test::error_of([&] { make_architecture(name, options); });
  };
  EXPECT_EQ(error("resnet9", {.input = {32, 32, 3}}),
            "bad_argument: there is no architecture resnet9; there are mobilenet_v1, mobilenet_v2, "
            "resnet8, "
            "ds_cnn, mlp, lstm");
  EXPECT_EQ(error("resnet8", {.input = {32, 32, 3}, .strides = {1}}),
            "bad_argument: --strides: the network has 3 strides, each 1 to 4; usual: 1,2,2");
  EXPECT_EQ(error("resnet8", {.input = {32}}),
            "bad_argument: resnet8 takes images; give --input HEIGHTxWIDTHxCHANNELS, not [32]");
  EXPECT_NE(error("mlp", {.input = {32}, .units = {0}}), "");
  EXPECT_NE(error("mlp", {.input = {32}, .classes = 0}), "");
  EXPECT_NE(error("mlp", {.input = {}}), "");
  EXPECT_NE(error("mobilenet_v2", {.input = {32, 32, 3}, .width = NAN}), "");
}

TEST(Initializers, HaveKerasVariance) {
  Random random(1);
  const auto variance = [](const std::vector<float>& values) {
    double sum = 0;
    for (const float value : values) sum += double{value} * value;
    return sum / static_cast<double>(values.size());
  };
  EXPECT_NEAR(variance(glorot_uniform(100000, 30, 70, random)), 2.0 / 100, 3e-4);
  EXPECT_NEAR(variance(he_normal(100000, 50, random)), 2.0 / 50, 6e-4);
}

TEST(Initializers, OrthogonalColumns) {
  Random random(2);
  constexpr int64_t kRows = 24, kColumns = 7;
  const std::vector<float> q = orthogonal(kRows, kColumns, random);
  for (int64_t a = 0; a < kColumns; ++a) {
    for (int64_t b = 0; b < kColumns; ++b) {
      double sum = 0;
      for (int64_t r = 0; r < kRows; ++r) {
        sum += double{q[static_cast<size_t>(r * kColumns + a)]} *
               q[static_cast<size_t>(r * kColumns + b)];
      }
      EXPECT_NEAR(sum, a == b ? 1 : 0, 1e-6);
    }
  }
}

}  // namespace
}  // namespace smelt::train
