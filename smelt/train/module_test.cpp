#include "smelt/train/module.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "smelt/base/random.h"
#include "smelt/ir/builder.h"
#include "smelt/run/interpreter.h"

namespace smelt::train {
namespace {

/// Networks of a few blocks with random weights, written line by line.
class Network {
 public:
  explicit Network(uint64_t seed, bool has_activations = true)
      : activations(has_activations), random_(seed) {}

  const bool activations;

  TensorId input(Shape shape) {
    return x_ = builder_.input("x", DataType::float32, std::move(shape));
  }
  TensorId conv(TensorId x, int32_t outputs, int32_t size, Conv2DAttributes a = {},
                int32_t groups = 1, bool bias = true) {
    const int32_t inputs = shape(x)[3] / groups;
    const TensorId w = constant("kernel", {outputs, size, size, inputs}, size * size * inputs);
    const TensorId b = bias ? constant("bias", {outputs}, 1) : TensorId::none;
    return op(OpType::conv_2d, {x, w, b}, a,
              spatial(shape(x), size, a.stride_h, a.dilation_h, a.padding, outputs));
  }
  TensorId depthwise(TensorId x, int32_t size, DepthwiseConv2DAttributes a = {}) {
    const int32_t outputs = shape(x)[3] * a.depth_multiplier;
    const TensorId w = constant("kernel", {1, size, size, outputs}, size * size);
    return op(OpType::depthwise_conv_2d, {x, w, constant("bias", {outputs}, 1)}, a,
              spatial(shape(x), size, a.stride_h, a.dilation_h, a.padding, outputs));
  }
  TensorId dense(TensorId x, int32_t outputs) {
    const int32_t inputs = static_cast<int32_t>(shape(x).elements());
    return op(OpType::fully_connected,
              {x, constant("kernel", {outputs, inputs}, inputs), constant("bias", {outputs}, 1)},
              FullyConnectedAttributes{}, {1, outputs});
  }
  TensorId norm(TensorId x) {
    const int32_t c = shape(x)[shape(x).rank() - 1];
    return op(OpType::batch_normalization,
              {x, constant("gamma", {c}, 1, 1.0f), constant("beta", {c}, 1),
               constant("mean", {c}, 4), constant("variance", {c}, 9, 1.0f)},
              BatchNormalizationAttributes{.epsilon = 1e-2f, .momentum = 0.9f}, shape(x));
  }
  /// Nothing in a network without activations.
  TensorId relu6(TensorId x) {
    if (!activations) return x;
    return op(OpType::relu6, {x}, NoAttributes{}, shape(x));
  }
  TensorId add(TensorId x, TensorId y) {
    return op(OpType::add, {x, y}, ArithmeticAttributes{}, shape(x));
  }
  TensorId pad(TensorId x, int32_t before, int32_t behind) {
    const TensorId amounts = builder_.constant<int32_t>(
        name("paddings"), {4, 2}, {0, 0, before, behind, before, behind, 0, 0});
    Shape s = shape(x);
    return op(OpType::pad, {x, amounts}, NoAttributes{},
              {s[0], s[1] + before + behind, s[2] + before + behind, s[3]});
  }
  Model build(TensorId y) {
    builder_.output(y);
    return std::move(builder_).build_model();
  }

 private:
  static Shape spatial(const Shape& x, int32_t size, int32_t stride, int32_t dilation,
                       Padding padding, int32_t channels) {
    const int32_t reach = (size - 1) * dilation;
    const auto out = [&](int32_t in) {
      return padding == Padding::same ? (in + stride - 1) / stride : (in - reach - 1) / stride + 1;
    };
    return {x[0], out(x[1]), out(x[2]), channels};
  }
  std::string name(const std::string& role) { return role + std::to_string(count_++); }
  const Shape& shape(TensorId id) { return builder_.graph().tensor(id).shape; }
  TensorId op(OpType type, std::vector<TensorId> inputs, Attributes attributes, Shape shape) {
    return builder_.op(type, std::move(inputs), std::move(attributes), name("t"), DataType::float32,
                       std::move(shape));
  }
  TensorId constant(const std::string& role, Shape shape, int fan_in, float center = 0) {
    std::vector<float> values(static_cast<size_t>(shape.elements()));
    const float reach = 1.0f / std::sqrt(static_cast<float>(fan_in));
    for (float& v : values) v = center + random_.uniform(-reach, reach);
    return builder_.constant(name(role), std::move(shape), values);
  }

  GraphBuilder builder_;
  Random random_;
  TensorId x_;
  int count_ = 0;
};

/// The sum of the outputs, each times a fixed random factor, as the loss.
class Probe {
 public:
  Probe(const Model& model, int64_t samples, int64_t max_samples, int threads)
      : workers_(threads),
        module_(model, {.max_samples = max_samples, .threads = threads}),
        step_{.samples = samples, .training = true, .seed = 1, .workers = &workers_} {
    Random random(7);
    Value* x = module_.inputs()[0];
    for (int64_t i = 0; i < samples * x->size; ++i) x->data[i] = random.uniform(-1.0f, 1.0f);
    Value* y = module_.outputs()[0];
    for (int64_t i = 0; i < samples * y->size; ++i) factors_.push_back(random.uniform(-1.0f, 1.0f));
  }

  Module& module() { return module_; }
  Step& step() { return step_; }
  double loss() {
    module_.forward(step_);
    double sum = 0;
    const float* y = module_.outputs()[0]->data;
    for (size_t i = 0; i < factors_.size(); ++i) sum += double{factors_[i]} * y[i];
    return sum;
  }
  void gradients() {
    loss();
    std::copy(factors_.begin(), factors_.end(), module_.outputs()[0]->grad);
    module_.backward(step_, {module_.outputs()[0]});
  }
  std::vector<float> all_gradients() {
    gradients();
    std::vector<float> all;
    for (const Parameter* p : module_.parameters()) {
      all.insert(all.end(), p->grad.begin(), p->grad.end());
    }
    return all;
  }

 private:
  Workers workers_;
  Module module_;
  Step step_;
  std::vector<float> factors_;
};

/// Every fifth value of each parameter by central differences: a share of the gradient's length may
/// be off. Activations have kinks, whose share does not become smaller with the steps.
void expect_true_gradients(Probe& probe, double share) {
  probe.gradients();
  for (Parameter* p : probe.module().parameters()) {
    double wrong = 0, size = 0;
    const std::vector<float> gradient = p->grad;
    for (size_t i = 0; i < p->data.size(); i += 5) {
      const float value = p->data[i];
      const float step = 1e-3f;
      p->data[i] = value + step;
      const double up = probe.loss();
      p->data[i] = value - step;
      const double down = probe.loss();
      p->data[i] = value;
      const double expected = (up - down) / (2 * step);
      wrong += std::pow(expected - gradient[i], 2);
      size += std::pow(expected, 2);
    }
    EXPECT_LT(std::sqrt(wrong), share * std::sqrt(size) + 5e-3) << p->name;
  }
}

/// At inference each sample gives what the interpreter makes of the model.
void expect_interpreter_values(const Model& model, Probe& probe) {
  probe.step().training = false;
  probe.loss();
  probe.step().training = true;
  Interpreter interpreter(Program::prepare(model));
  const Value* x = probe.module().inputs()[0];
  const Value* y = probe.module().outputs()[0];
  for (int64_t n = 0; n < probe.step().samples; ++n) {
    std::memcpy(interpreter.input_bytes(0).data(), x->sample(n),
                static_cast<size_t>(x->size) * sizeof(float));
    interpreter.invoke();
    const auto* expected = reinterpret_cast<const float*>(interpreter.output_bytes(0).data());
    for (int64_t i = 0; i < y->size; ++i) {
      ASSERT_NEAR(y->sample(n)[i], expected[i], 2e-5 * (1 + std::fabs(expected[i])))
          << "sample " << n << ", value " << i;
    }
  }
}

constexpr double kSmooth = 0.02;
constexpr double kKinks = 0.25;

void check(const Model& model, int64_t samples, int64_t max_samples, double share = kSmooth) {
  Probe probe(model, samples, max_samples, 2);
  expect_interpreter_values(model, probe);
  if (testing::Test::HasFatalFailure()) return;
  expect_true_gradients(probe, share);
  // Fresh modules: running statistics have moved in this one.
  const std::vector<float> one = Probe(model, samples, max_samples, 1).all_gradients();
  const std::vector<float> three = Probe(model, samples, max_samples, 3).all_gradients();
  EXPECT_EQ(one, three);
}

Model inverted_residuals(uint64_t seed, int32_t size, bool activations = true) {
  Network n(seed, activations);
  const TensorId x = n.input({1, size, size, 3});
  const TensorId stem = n.relu6(n.norm(
      n.conv(n.pad(x, 0, 1), 8, 3, {.padding = Padding::valid, .stride_h = 2, .stride_w = 2})));
  const TensorId wide = n.relu6(n.norm(n.conv(stem, 24, 1, {}, 1, false)));
  const TensorId deep = n.relu6(n.norm(n.depthwise(wide, 3)));
  const TensorId narrow = n.norm(n.conv(deep, 8, 1));
  const TensorId sum = n.add(stem, narrow);
  return n.build(n.dense(n.relu6(n.norm(n.conv(sum, 11, 1))), 4));
}

TEST(Module, TrainsInvertedResidualsByRows) {
  check(inverted_residuals(1, 16, false), 16, 16);
  check(inverted_residuals(1, 16), 16, 16, kKinks);
}

TEST(Module, TrainsInvertedResidualsByColumns) {
  check(inverted_residuals(2, 4, false), 6, 7);
  check(inverted_residuals(2, 4), 6, 7, kKinks);
}

TEST(Module, TrainsWithPartOfABatch) {
  check(inverted_residuals(3, 16, false), 5, 32);
  check(inverted_residuals(3, 16), 5, 32, kKinks);
}

TEST(Module, TrainsConvolutionsOfAllForms) {
  for (const int64_t samples : {3, 24}) {
    Network n(4);
    TensorId x = n.input({1, 9, 9, 4});
    x = n.conv(x, 6, 3, {.stride_h = 2, .stride_w = 2, .activation = Activation::relu});
    x = n.norm(n.conv(x, 6, 3, {.padding = Padding::same, .dilation_h = 2, .dilation_w = 2}));
    x = n.conv(n.pad(x, 1, 2), 9, 2, {.padding = Padding::valid}, 3);
    x = n.depthwise(x, 5, {.stride_h = 2, .stride_w = 2, .depth_multiplier = 2});
    x = n.norm(n.depthwise(x, 2, {.padding = Padding::same, .activation = Activation::none}));
    check(n.build(n.dense(x, 5)), samples, samples, kKinks);
  }
}

TEST(Module, WritesBackWhatItLearned) {
  const Model model = inverted_residuals(5, 8);
  Probe probe(model, 4, 4, 1);
  probe.loss();  // moves the running statistics
  for (Parameter* p : probe.module().parameters()) {
    for (float& v : p->data) v *= 1.25f;
  }
  expect_interpreter_values(probe.module().write_back(model), probe);
}

TEST(Module, FrozenParametersStayAndNormsCanFreeze) {
  const Model model = inverted_residuals(6, 8);
  Module module(model, {.max_samples = 4, .frozen = [](const Parameter& p) {
                          return p.kind == ParameterKind::kernel;
                        }});
  for (const Parameter* p : module.parameters()) {
    EXPECT_EQ(p->grad.empty(), p->kind == ParameterKind::kernel) << p->name;
  }
  Probe probe(model, 4, 4, 1);
  probe.module().freeze_norms(true);
  const std::vector<float> before = probe.module().statistics()[0]->data;
  expect_true_gradients(probe, kKinks);
  EXPECT_EQ(probe.module().statistics()[0]->data, before);
}

}  // namespace
}  // namespace smelt::train
