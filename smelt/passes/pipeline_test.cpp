#include "smelt/passes/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smelt/ir/builder.h"
#include "smelt/ir/dump.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/run_float.h"

namespace smelt {
namespace {

/// ZeroPadding2D, Conv2D, BatchNormalization, ReLU, Dropout, Flatten, Dense, Softmax as importers
/// write them.
Graph training_form() {
  constexpr DataType kFloat = DataType::float32;
  GraphBuilder b;
  TensorId x = b.input("image", kFloat, {1, 8, 8, 3});
  const TensorId pads = b.constant<int32_t>("pad/paddings", {4, 2}, {0, 0, 1, 1, 1, 1, 0, 0});
  x = b.op(OpType::pad, {x, pads}, NoAttributes{}, "pad", kFloat, {1, 10, 10, 3});
  const TensorId kernel = b.constant<float>("conv/kernel", {4, 3, 3, 3}, random_values(108, 1));
  x = b.op(OpType::conv_2d, {x, kernel, TensorId::none},
           Conv2DAttributes{.padding = Padding::valid}, "conv", kFloat, {1, 8, 8, 4});
  const TensorId gamma = b.constant<float>("bn/gamma", {4}, {1, 2, 3, 4});
  const TensorId beta = b.constant<float>("bn/beta", {4}, {4, 3, 2, 1});
  const TensorId mean = b.constant<float>("bn/mean", {4}, {0.1f, 0.2f, 0.3f, 0.4f});
  const TensorId variance = b.constant<float>("bn/variance", {4}, {1, 2, 3, 4});
  x = b.op(OpType::batch_normalization, {x, gamma, beta, mean, variance},
           BatchNormalizationAttributes{}, "bn", kFloat, {1, 8, 8, 4});
  x = b.op(OpType::relu, {x}, NoAttributes{}, "relu", kFloat, {1, 8, 8, 4});
  x = b.op(OpType::dropout, {x}, DropoutAttributes{}, "dropout", kFloat, {1, 8, 8, 4});
  const TensorId flat = b.constant<int32_t>("flatten/shape", {2}, {-1, 256});
  x = b.op(OpType::reshape, {x, flat}, ReshapeAttributes{}, "flatten", kFloat, {1, 256});
  const TensorId w = b.constant<float>("dense/kernel", {2, 256}, random_values(512, 2));
  const TensorId bias = b.constant<float>("dense/bias", {2}, {1, 2});
  x = b.op(OpType::fully_connected, {x, w, bias}, FullyConnectedAttributes{}, "dense", kFloat,
           {1, 2});
  b.output(b.op(OpType::softmax, {x}, SoftmaxAttributes{}, "softmax", kFloat, {1, 2}));
  return std::move(b).build();
}

TEST(Pipeline, TrainingFormToInferenceForm) {
  Graph graph = training_form();
  EXPECT_THAT(training_form_op(graph), testing::HasSubstr("BATCH_NORMALIZATION"));
  run_pipeline(graph, inference_pipeline());
  EXPECT_EQ(training_form_op(graph), "");
  EXPECT_EQ(dump(graph),
            "graph main\n"
            "  input image: float32[1, 8, 8, 3]\n"
            "  relu: float32[1, 8, 8, 4] = CONV_2D(image, conv/w, conv/b) padding=same stride_h=1 "
            "stride_w=1 dilation_h=1 dilation_w=1 activation=relu quantized_bias_type=float32\n"
            "  flatten: float32[1, 256] = RESHAPE(relu, flatten/c) new_shape=absent\n"
            "  dense: float32[1, 2] = FULLY_CONNECTED(flatten, dense/w, dense/b) activation=none "
            "weights_format=plain keep_num_dims=false asymmetric_quantize_inputs=false "
            "quantized_bias_type=float32\n"
            "  softmax: float32[1, 2] = SOFTMAX(dense) beta=1\n"
            "  output softmax\n");
}

TEST(Pipeline, GivesTheResultsOfTheLoweredGraph) {
  Graph lowered = training_form();
  lower_batch_norm(lowered);
  drop_identity(lowered);
  Graph graph = training_form();
  run_pipeline(graph, inference_pipeline());
  expect_same_results(lowered, graph);
}

TEST(Pipeline, SkipsByNameAndReports) {
  Graph graph = training_form();
  const auto results =
      run_pipeline(graph, inference_pipeline(), {.skip = {"fuse_activations", "merge_padding"}});
  EXPECT_EQ(results.size(), inference_pipeline().size() - 2);
  EXPECT_THAT(dump(graph), testing::AllOf(testing::HasSubstr("RELU("), testing::HasSubstr("PAD(")));
  const auto rewrites = [&](std::string_view name) {
    const auto found = std::find_if(results.begin(), results.end(),
                                    [&](const PassResult& result) { return result.name == name; });
    return found == results.end() ? -1 : found->rewrites;
  };
  EXPECT_EQ(rewrites("lower_batch_norm"), 1);
  EXPECT_EQ(rewrites("fold_affine_behind"), 2);
  EXPECT_EQ(rewrites("merge_padding"), -1);
}

TEST(Pipeline, RefusesToSkipWhatItDoesNotHave) {
  Graph graph = training_form();
  try {
    run_pipeline(graph, inference_pipeline(), {.skip = {"fuse_activation"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_argument);
    EXPECT_THAT(error.what(), testing::HasSubstr("there is no pass 'fuse_activation'; there are"));
  }
}

TEST(Pipeline, CallsABrokenGraphOurFault) {
  Graph graph = training_form();
  const Pass broken[] = {{"broken",
                          [](Graph& g) {
                            g.erase(g.ops()[0]);
                            return 1;
                          },
                          ""}};
  try {
    run_pipeline(graph, broken);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), testing::HasSubstr("pass broken broke the graph"));
  }
}

}  // namespace
}  // namespace smelt
