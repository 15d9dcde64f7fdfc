#include "smelt/train/qat.h"

#include <gtest/gtest.h>

#include <cmath>

#include "smelt/run/interpreter.h"
#include "smelt/run/real_values.h"
#include "smelt/train/architectures/architecture.h"
#include "smelt/train/module.h"

namespace smelt::train {
namespace {

/// Smooth images, so that a network has something to see.
class Waves : public Dataset {
 public:
  explicit Waves(Shape shape) : shape_(std::move(shape)) {}
  int64_t size() const override { return 48; }
  Shape input_shape(int) const override { return shape_; }
  void read(int64_t sample, int, std::span<float> into) const override {
    for (size_t i = 0; i < into.size(); ++i) {
      const double t = static_cast<double>(i) * (0.05 + 0.01 * static_cast<double>(sample % 7));
      into[i] = static_cast<float>(0.5 + 0.5 * std::sin(t + static_cast<double>(sample)));
    }
  }
  std::string description() const override { return "waves"; }

 private:
  Shape shape_;
};

/// The values of the module and of the integer model on all samples, in steps of the output.
struct Differences {
  double mean = 0;
  double largest = 0;
};

Differences simulate(const Model& model, const DatasetPtr& data, const std::string& scheme_name) {
  const QuantizationAware qat(model, data, {.recipe = scheme(scheme_name)});
  Module module(model, {.max_samples = data->size(), .threads = 2, .quantization = &qat.map()});
  Workers workers(2);
  Value* x = module.inputs()[0];
  for (int64_t n = 0; n < data->size(); ++n) {
    data->read(n, 0, {x->sample(n), static_cast<size_t>(x->size)});
  }
  module.forward({.samples = data->size(), .training = false, .workers = &workers});

  const Model integers = qat.quantized(model);
  const Graph& graph = integers.main();
  const Tensor& in = graph.tensor(graph.inputs()[0]);
  const Tensor& out = graph.tensor(graph.outputs()[0]);
  Interpreter interpreter(Program::prepare(integers));
  Differences differences;
  const Value* y = module.outputs()[0];
  for (int64_t n = 0; n < data->size(); ++n) {
    interpreter.reset();
    store_real(in, {x->sample(n), static_cast<size_t>(x->size)}, interpreter.input_bytes(0));
    interpreter.invoke();
    std::vector<float> real(static_cast<size_t>(y->size));
    load_real(out, interpreter.output_bytes(0), real);
    for (int64_t i = 0; i < y->size; ++i) {
      const double difference =
          std::fabs(real[static_cast<size_t>(i)] - y->sample(n)[i]) / out.quantization.scale[0];
      differences.mean += difference / static_cast<double>(data->size() * y->size);
      differences.largest = std::max(differences.largest, difference);
    }
  }
  return differences;
}

Model architecture(const std::string& name, Shape input) {
  return make_architecture(name, {.input = std::move(input), .classes = 5});
}

TEST(QuantizationAware, SimulatesTheIntegerModel) {
  for (const char* name : {"mlp", "resnet8", "mobilenet_v2", "mobilenet_v1"}) {
    const Shape input = {32, 32, 3};
    const Differences d =
        simulate(architecture(name, input), std::make_shared<Waves>(input), "int8");
    EXPECT_LT(d.mean, 0.6) << name;
    EXPECT_LT(d.largest, 4.5) << name;
  }
}

TEST(QuantizationAware, SimulatesSixteenBits) {
  const Shape input = {16, 16, 3};
  const Differences d =
      simulate(architecture("resnet8", input), std::make_shared<Waves>(input), "int16x8");
  EXPECT_LT(d.mean, 3);
}

TEST(QuantizationAware, SimulatesTheFusedLstm) {
  const Shape input = {12, 10};
  const Differences d =
      simulate(architecture("lstm", input), std::make_shared<Waves>(input), "int8");
  EXPECT_LT(d.mean, 0.5);
  EXPECT_LT(d.largest, 4.5);
}

TEST(QuantizationAware, LearnsRanges) {
  const Shape input = {16, 16, 3};
  const Model model = architecture("resnet8", input);
  const auto data = std::make_shared<Waves>(input);
  QuantizationAware qat(model, data, {.recipe = scheme("int8")});
  ASSERT_FALSE(qat.map().ranges.empty());
  Module module(model, {.max_samples = 8, .quantization = &qat.map()});
  Workers workers(1);
  Value* x = module.inputs()[0];
  for (int64_t n = 0; n < 8; ++n) {
    data->read(n, 0, {x->sample(n), static_cast<size_t>(x->size)});
  }
  // A range that cuts off half of what it saw must want to grow.
  Parameter* range = nullptr;
  for (Parameter* each : qat.map().ranges) {
    if (each->data[0] == 0 && each->data[1] > 0) range = each;
  }
  ASSERT_NE(range, nullptr);
  const std::vector<float> calibrated = range->data;
  range->data[1] /= 4;
  const Step step{.samples = 8, .workers = &workers};
  module.forward(step);
  Value* y = module.logits(0);
  for (int64_t i = 0; i < 8 * y->size; ++i) y->grad[i] = i % y->size == 0 ? -1.0f : 0.2f;
  module.backward(step, {y});
  EXPECT_NE(range->grad[1], 0);
  qat.recalibrate(model);
  EXPECT_EQ(range->data, calibrated);
}

}  // namespace
}  // namespace smelt::train
