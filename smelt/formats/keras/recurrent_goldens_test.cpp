// Recurrent models of Keras 2 and 3 with what they compute (tests/peers/keras_recurrent.py wrote
// the files): as they are imported, and in every form that the pipeline gives them.
#include <gtest/gtest.h>

#include <algorithm>

#include "smelt/data/npz.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/passes/pipeline.h"
#include "smelt/run/interpreter.h"

namespace smelt::keras {
namespace {

std::filesystem::path folder() { return std::filesystem::path(SMELT_GOLDENS) / "keras_recurrent"; }

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".h5") found.push_back(entry.path().stem().string());
  }
  std::ranges::sort(found);
  return found;
}

std::vector<float> floats(const NpzFile& golden, const std::string& key) {
  const Array array = golden.read(key);
  const auto values = array.data.as<float>();
  return {values.begin(), values.end()};
}

void expect_golden(const Model& model, const NpzFile& golden) {
  Interpreter interpreter(Program::prepare(model));
  std::ranges::copy(floats(golden, "in0"), interpreter.input<float>(0).begin());
  interpreter.invoke();
  for (size_t i = 0; i < model.main().outputs().size(); ++i) {
    const std::vector<float> expected = floats(golden, fmt::format("out{}", i));
    const auto got = interpreter.output<float>(i);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t k = 0; k < got.size(); ++k) {
      ASSERT_NEAR(got[k], expected[k], 1e-5) << "output " << i << " at " << k;
    }
  }
}

class RecurrentGoldens : public testing::TestWithParam<std::string> {};

TEST_P(RecurrentGoldens, EveryFormEqualsKeras) {
  const auto golden = NpzFile::open(folder() / (GetParam() + ".npz"));
  const Model model = load(folder() / (GetParam() + ".h5"));
  expect_golden(model, *golden);
  for (const RecurrentForm form :
       {RecurrentForm::fused, RecurrentForm::unroll, RecurrentForm::while_op}) {
    SCOPED_TRACE(name(form));
    Model lowered = model;
    run_pipeline(lowered, inference_pipeline(), {.recurrent = form});
    EXPECT_EQ(training_form_op(lowered.main()), "");
    expect_golden(lowered, *golden);
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, RecurrentGoldens, testing::ValuesIn(names()), test_name);

}  // namespace
}  // namespace smelt::keras
