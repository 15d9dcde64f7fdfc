#include "smelt/run/run_samples.h"

#include <gtest/gtest.h>

#include <atomic>

#include "smelt/base/random.h"
#include "smelt/run/batch.h"
#include "smelt/run/test_program.h"

namespace smelt {
namespace {

std::vector<float> random_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.uniform(-1, 1);
  return values;
}

/// x [1,6,6,2] -> convolution, relu, mean over space, reshape, dense, softmax.
Model small_network() {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 6, 6, 2});
  const TensorId w = b.constant<float>("w", {4, 3, 3, 2}, random_values(72, 1));
  const TensorId bias = b.constant<float>("b", {4}, random_values(4, 2));
  const TensorId conv =
      b.op(OpType::conv_2d, {x, w, bias}, Conv2DAttributes{.activation = Activation::relu}, "conv",
           kFloat, {1, 6, 6, 4});
  const TensorId shape = b.constant<int32_t>("shape", {2}, {1, 144});
  const TensorId flat =
      b.op(OpType::reshape, {conv, shape}, ReshapeAttributes{{{1, 144}}}, "flat", kFloat, {1, 144});
  const TensorId dense_w = b.constant<float>("dw", {5, 144}, random_values(720, 3));
  const TensorId dense = b.op(OpType::fully_connected, {flat, dense_w, TensorId::none},
                              FullyConnectedAttributes{}, "dense", kFloat, {1, 5});
  b.output(b.op(OpType::softmax, {dense}, SoftmaxAttributes{}, "y", kFloat, {1, 5}));
  return std::move(b).build_model();
}

std::vector<float> run(const Model& model, int64_t samples, const SampleRunOptions& options) {
  const std::vector<float> inputs = random_values(static_cast<size_t>(samples) * 72, 7);
  std::vector<float> results(static_cast<size_t>(samples) * 5);
  run_samples(
      model, samples, options,
      [&](int64_t sample, const SampleInputs& to) {
        const auto values = to.values<float>(0);
        EXPECT_EQ(values.size(), 72u);
        std::copy_n(inputs.begin() + sample * 72, 72, values.begin());
      },
      [&](int64_t sample, const SampleOutputs& from) {
        std::ranges::copy(from.values<float>(0), results.begin() + sample * 5);
      });
  return results;
}

TEST(RunSamples, BatchAndThreadsGiveTheSameResults) {
  const Model model = small_network();
  ASSERT_TRUE(batchable(model));
  const std::vector<float> one = run(model, 37, {.threads = 1, .batch = 1});
  for (const int batch : {0, 1, 4, 64}) {
    const std::vector<float> alone = run(model, 37, {.threads = 1, .batch = batch});
    EXPECT_EQ(alone, run(model, 37, {.threads = 3, .batch = batch}));
    for (size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(alone[i], one[i], 1e-6) << i;
  }
}

/// x [1,5,3] -> two LSTM layers with states in variables -> [1,5,4].
Model lstm_network() {
  GraphBuilder b;
  TensorId x = b.input("x", kFloat, {1, 5, 3});
  for (uint64_t layer = 0; layer < 2; ++layer) {
    const int32_t inputs = layer == 0 ? 3 : 4;
    std::vector<TensorId> in{x};
    const auto weights = [&](Shape shape) {
      const auto count = static_cast<size_t>(shape.elements());
      return b.constant<float>("w", shape, random_values(count, 100 * layer + in.size()));
    };
    for (int gate = 0; gate < 4; ++gate) in.push_back(weights({4, inputs}));
    for (int gate = 0; gate < 4; ++gate) in.push_back(weights({4, 4}));
    in.resize(12, TensorId::none);
    for (int gate = 0; gate < 4; ++gate) in.push_back(weights({4}));
    in.resize(18, TensorId::none);
    for (int state = 0; state < 2; ++state) {
      in.push_back(b.tensor({.name = "s", .type = kFloat, .shape = {1, 4}, .is_variable = true}));
    }
    in.resize(24, TensorId::none);
    x = b.op(OpType::unidirectional_sequence_lstm, in,
             SequenceLstmAttributes{.activation = Activation::tanh}, "lstm", kFloat, {1, 5, 4});
  }
  b.output(x);
  return std::move(b).build_model();
}

TEST(RunSamples, LstmStatesStartFromZerosForEverySample) {
  const Model model = lstm_network();
  ASSERT_TRUE(batchable(model));
  const auto results = [&](int batch, int threads) {
    const std::vector<float> inputs = random_values(23 * 15, 7);
    std::vector<float> values(23 * 20);
    run_samples(
        model, 23, {.threads = threads, .batch = batch},
        [&](int64_t sample, const SampleInputs& to) {
          std::copy_n(inputs.begin() + sample * 15, 15, to.values<float>(0).begin());
        },
        [&](int64_t sample, const SampleOutputs& from) {
          std::ranges::copy(from.values<float>(0), values.begin() + sample * 20);
        });
    return values;
  };
  const std::vector<float> one = results(1, 1);
  for (const int batch : {2, 5, 32}) {
    EXPECT_EQ(results(batch, 1), one) << batch;
    EXPECT_EQ(results(batch, 2), one) << batch;
  }
}

TEST(RunSamples, HookSeesOnlyRealSamples) {
  const Model model = small_network();
  std::atomic<int64_t> samples{0};
  SampleRunOptions options{.threads = 2, .batch = 4};
  options.hook = [&](const SampleHookArgs& args) {
    if (args.step != 0) return;
    samples += args.samples;
    const Step& step = args.interpreter.program().steps()[0];
    EXPECT_EQ(args.bytes(step.outputs[0]).size(), static_cast<size_t>(args.samples) * 144 * 4);
    EXPECT_EQ(args.bytes(step.inputs[1]).size(), 72u * 4);
    EXPECT_LT(args.worker, 2);
  };
  run(model, 10, options);
  EXPECT_EQ(samples, 10);
}

TEST(RunSamples, ErrorsNameTheSample) {
  const Model model = small_network();
  try {
    run_samples(
        model, 3, {.threads = 1},
        [](int64_t sample, const SampleInputs&) {
          if (sample == 2) fail(ErrorKind::io, "unreadable");
        },
        [](int64_t, const SampleOutputs&) {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "sample 2: unreadable");
  }
}

TEST(RunSamples, ProgressReportsAndStops) {
  const Model model = small_network();
  int64_t last = 0;
  SampleRunOptions options{.threads = 1, .batch = 1};
  options.progress = [&](std::string_view, int64_t done, int64_t total) {
    EXPECT_EQ(total, 10);
    last = done;
    return done < 4;
  };
  EXPECT_THROW(run(model, 10, options), Error);
  EXPECT_EQ(last, 4);
}

TEST(RunSamples, NoSamplesIsNoWork) { EXPECT_TRUE(run(small_network(), 0, {}).empty()); }

/// One op on x [1,4,6] behind a relu, with constants as further operands.
Model one_op(OpType type, Attributes attributes, Shape out,
             const std::vector<std::vector<int32_t>>& vectors = {}) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 4, 6});
  const TensorId r = b.op(OpType::relu, {x}, NoAttributes{}, "r", kFloat, {1, 4, 6});
  std::vector<TensorId> operands = {r};
  for (const auto& values : vectors) {
    operands.push_back(b.constant<int32_t>("c", {static_cast<int32_t>(values.size())}, values));
  }
  b.output(b.op(type, operands, std::move(attributes), "y", kFloat, std::move(out)));
  return std::move(b).build_model();
}

TEST(Batchable, WhereSamplesStayApart) {
  EXPECT_TRUE(batchable(one_op(OpType::softmax, SoftmaxAttributes{}, {1, 4, 6})));
  EXPECT_TRUE(batchable(one_op(OpType::transpose, NoAttributes{}, {1, 6, 4}, {{0, 2, 1}})));
  EXPECT_TRUE(batchable(one_op(OpType::mean, ReduceAttributes{}, {1, 6}, {{1}})));
  EXPECT_TRUE(batchable(one_op(OpType::reshape, ReshapeAttributes{}, {1, 24}, {{1, -1}})));
  EXPECT_TRUE(batchable(one_op(OpType::reshape, ReshapeAttributes{}, {1, 24}, {{-1, 24}})));
  EXPECT_TRUE(batchable(one_op(OpType::reshape, ReshapeAttributes{{{1, 2, 12}}}, {1, 2, 12})));
  EXPECT_TRUE(batchable(one_op(OpType::strided_slice, StridedSliceAttributes{.end_mask = 1},
                               {1, 2, 6}, {{0, 0, 0}, {0, 2, 6}, {1, 1, 1}})));
}

TEST(Batchable, WhereSamplesMix) {
  EXPECT_FALSE(batchable(one_op(OpType::transpose, NoAttributes{}, {4, 1, 6}, {{1, 0, 2}})));
  EXPECT_FALSE(batchable(one_op(OpType::mean, ReduceAttributes{}, {4, 6}, {{0}})));
  EXPECT_FALSE(
      batchable(one_op(OpType::mean, ReduceAttributes{.keep_dims = true}, {1, 4, 6}, {{0}})));
  EXPECT_FALSE(batchable(one_op(OpType::reshape, ReshapeAttributes{}, {4, 6}, {{4, 6}})));
  EXPECT_FALSE(batchable(one_op(OpType::reverse_v2, NoAttributes{}, {1, 4, 6}, {{0}})));
  EXPECT_FALSE(batchable(one_op(OpType::squeeze, SqueezeAttributes{}, {4, 6})));
  EXPECT_FALSE(batchable(one_op(OpType::tile, NoAttributes{}, {2, 4, 6}, {{2, 1, 1}})));
  EXPECT_FALSE(batchable(one_op(OpType::strided_slice,
                                StridedSliceAttributes{.begin_mask = 1, .end_mask = 1}, {1, 4, 6},
                                {{0, 0, 0}, {0, 4, 6}, {-1, 1, 1}})));
}

TEST(Batchable, ConstantsBroadcastOnlyWithoutABatchOfTheirOwn) {
  const auto with_constant = [](Shape shape, std::vector<float> values) {
    GraphBuilder b;
    const TensorId x = b.input("x", kFloat, {1, 2});
    const TensorId c = b.constant<float>("c", std::move(shape), values);
    b.output(b.op(OpType::add, {x, c}, ArithmeticAttributes{}, "y", kFloat, {1, 2}));
    return std::move(b).build_model();
  };
  EXPECT_TRUE(batchable(with_constant({2}, {1, 2})));
  EXPECT_TRUE(batchable(with_constant({1, 2}, {1, 2})));
  EXPECT_FALSE(batchable(with_constant({2, 2}, {1, 2, 3, 4})));
  EXPECT_FALSE(batchable(with_constant({1, 1, 2}, {1, 2})));
}

TEST(Batchable, OperandsOfDifferentRankWouldMix) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 1, 3});
  const TensorId y = b.input("y", kFloat, {1, 3});
  b.output(b.op(OpType::add, {x, y}, ArithmeticAttributes{}, "z", kFloat, {1, 1, 3}));
  EXPECT_FALSE(batchable(std::move(b).build_model()));
}

TEST(Batchable, StateAndConstantOutputsAreNot) {
  GraphBuilder b;
  const TensorId x = b.input("x", kFloat, {1, 3});
  const TensorId c = b.constant<float>("c", {1, 3}, {1, 2, 3});
  b.output(b.op(OpType::relu, {x}, NoAttributes{}, "y", kFloat, {1, 3}));
  b.output(c);
  const Model model = std::move(b).build_model();
  EXPECT_FALSE(batchable(model));
  EXPECT_THROW(Program::prepare(model, {.batch = 2}), Error);
}

TEST(ChooseBatch, FewSamplesRunOneByOne) {
  EXPECT_EQ(choose_batch(small_network(), 20), 1);
  EXPECT_EQ(choose_batch(small_network(), 100), 6);
  EXPECT_EQ(choose_batch(small_network(), 100000), 32);
}

}  // namespace
}  // namespace smelt
