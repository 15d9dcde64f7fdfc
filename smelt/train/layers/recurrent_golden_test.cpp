#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "smelt/data/npz.h"
#include "smelt/ir/builder.h"
#include "smelt/train/module.h"

namespace smelt::train {
namespace {

// Gradients of Keras layers, made by tests/peers/train_gradients.py, which also says what the keys
// of a case are.

class Case {
 public:
  Case(const NpzFile& file, std::string name) : file_(file), name_(std::move(name)) {}

  bool has(std::string_view key) const { return file_.has(path(key)); }
  Array array(std::string_view key) const { return file_.read(path(key)); }
  std::vector<float> floats(std::string_view key) const {
    const Array a = array(key);
    const auto values = a.data.as<float>();
    return {values.begin(), values.end()};
  }

  RecurrentAttributes attributes() const {
    const Array a = array("attributes");
    const auto v = a.data.as<int32_t>();
    return {.cell = static_cast<RecurrentCell>(v[0]),
            .activation = static_cast<CellActivation>(v[1]),
            .recurrent_activation = static_cast<CellActivation>(v[2]),
            .reset_after = v[3] != 0,
            .return_sequences = v[4] != 0,
            .go_backwards = v[5] != 0,
            .zero_output_for_mask = v[6] != 0};
  }

  Model model() const {
    GraphBuilder b;
    Shape x = array("x").shape;
    Shape y = array("y").shape;
    x[0] = y[0] = 1;
    std::vector<TensorId> inputs(8);
    inputs[0] = b.input("x", DataType::float32, x);
    const char* weights[] = {"kernel", "recurrent", "bias", "recurrent_bias"};
    for (size_t i = 0; i < 4; ++i) {
      if (has(weights[i])) {
        inputs[i + 1] = b.constant<float>(weights[i], array(weights[i]).shape, floats(weights[i]));
      }
    }
    if (has("mask")) inputs[5] = b.input("mask", DataType::boolean, {1, x[1]});
    b.output(b.op(OpType::recurrent, inputs, attributes(), "layer", DataType::float32, y));
    return std::move(b).build_model();
  }

  void check() const {
    SCOPED_TRACE(name_);
    const int64_t samples = array("x").shape[0];
    Module module(model(), {.max_samples = samples});
    Workers workers(1);
    const Step step{.samples = samples, .workers = &workers};
    std::ranges::copy(floats("x"), module.inputs()[0]->data);
    if (has("mask")) {
      const Array mask = array("mask");
      std::ranges::copy(mask.data.bytes(), module.inputs()[1]->data);
    }
    module.forward(step);
    compare("y", {module.outputs()[0]->data, floats("y").size()});
    std::ranges::copy(floats("dy"), module.outputs()[0]->grad);
    module.backward(step, module.outputs());
    EXPECT_EQ(module.parameters().size(), has("recurrent_bias") ? 4u : 3u);
    for (const Parameter* p : module.parameters()) compare("d_" + p->name, p->grad);
  }

 private:
  std::string path(std::string_view key) const { return name_ + "/" + std::string(key); }

  void compare(const std::string& key, std::span<const float> values) const {
    const std::vector<float> expected = floats(key);
    ASSERT_EQ(values.size(), expected.size()) << key;
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(values[i], expected[i], 2e-5f * (1 + std::abs(expected[i]))) << key << " " << i;
    }
  }

  const NpzFile& file_;
  std::string name_;
};

void check_all(const std::filesystem::path& path) {
  const auto file = NpzFile::open(path);
  std::set<std::string> names;
  for (const std::string& key : file->keys()) names.insert(key.substr(0, key.find('/')));
  EXPECT_GE(names.size(), 4u);
  for (const std::string& name : names) Case(*file, name).check();
}

TEST(RecurrentGoldens, GradientsAreThoseOfTensorFlow) {
  check_all(std::filesystem::path(SMELT_GOLDENS) / "train_gradients.npz");
  if (const char* more = std::getenv("SMELT_TRAIN_GRADIENTS")) check_all(more);
}

}  // namespace
}  // namespace smelt::train
