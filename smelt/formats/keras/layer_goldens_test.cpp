// Layers over their options: what Keras 2 and 3 computed (tests/peers/keras_layers.py wrote the
// file) against the imported layer, in training form and as the pipeline leaves it.
#include <gtest/gtest.h>

#include "smelt/data/npz.h"
#include "smelt/formats/hdf5/test_writer.h"
#include "smelt/formats/keras/config.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/passes/pipeline.h"
#include "smelt/run/interpreter.h"

namespace smelt::keras {
namespace {

/// Cases as JSON, their numbers behind each other in the order of weights, inputs and outputs.
struct Goldens {
  Json cases;
  std::vector<float> values;
};

const Goldens& goldens() {
  static const Goldens loaded = [] {
    const auto file = NpzFile::open(std::filesystem::path(SMELT_GOLDENS) / "keras_layers.npz");
    const Array text = file->read("cases");
    const Array values = file->read("values");
    const auto bytes = text.data.as<uint8_t>();
    const auto floats = values.data.as<float>();
    return Goldens{Json::parse(std::string(bytes.begin(), bytes.end())),
                   {floats.begin(), floats.end()}};
  }();
  return loaded;
}

std::vector<hsize_t> dims_of(const Json& shape) {
  std::vector<hsize_t> dims;
  for (const Json& dim : shape) dims.push_back(dim.get<hsize_t>());
  return dims;
}

/// The next numbers of a case.
class Values {
 public:
  explicit Values(const Json& golden) : at_(golden.at("first").get<size_t>()) {}

  std::vector<float> take(const Json& shape) {
    size_t count = 1;
    for (const Json& dim : shape) count *= dim.get<size_t>();
    const auto begin = goldens().values.begin() + static_cast<ptrdiff_t>(at_);
    at_ += count;
    return {begin, begin + static_cast<ptrdiff_t>(count)};
  }

 private:
  size_t at_;
};

/// The layer between its inputs, as a model of Keras 2's form.
Json model_of(const Json& golden) {
  Json layers = Json::array();
  Json calls = Json::array();
  Json inputs = Json::array();
  for (size_t i = 0; i < golden.at("inputs").size(); ++i) {
    const std::string name = fmt::format("x{}", i);
    Json shape = golden.at("inputs")[i];
    shape[0] = nullptr;
    const char* dtype = golden.at("ints").get<bool>() ? "int32" : "float32";
    layers.push_back({{"class_name", "InputLayer"},
                      {"name", name},
                      {"config", {{"batch_input_shape", shape}, {"dtype", dtype}, {"name", name}}},
                      {"inbound_nodes", Json::array()}});
    calls.push_back({name, 0, 0, Json::object()});
    inputs.push_back({name, 0, 0});
  }
  Json config = golden.at("config");
  config["name"] = "l";
  layers.push_back({{"class_name", golden.at("class_name")},
                    {"name", "l"},
                    {"config", config},
                    {"inbound_nodes", Json::array({calls})}});
  Json outputs = Json::array();
  for (size_t i = 0; i < golden.at("outputs").size(); ++i) outputs.push_back({"l", 0, i});
  return {
      {"class_name", "Functional"},
      {"config",
       {{"name", "m"}, {"layers", layers}, {"input_layers", inputs}, {"output_layers", outputs}}}};
}

Model load_golden(const Json& golden, Values& values) {
  const hdf5::test::TemporaryFolder folder;
  const auto path = folder / "model.h5";
  {
    hdf5::test::Writer file(path);
    file.string_attribute("/", "model_config", model_of(golden).dump());
    file.string_attribute("/", "keras_version",
                          golden.at("keras").get<int>() == 2 ? "2.15.0" : "3.9.0");
    file.group("model_weights");
    file.group("model_weights/l");
    std::vector<std::string> names;
    for (const Json& weight : golden.at("weights")) {
      // Parts of a layer may have weights of one name: the order tells them apart.
      names.push_back(fmt::format("l/{}/{}:0", names.size(), weight[0].get<std::string>()));
      file.group(fmt::format("model_weights/l/l/{}", names.size() - 1));
      file.floats("model_weights/l/" + names.back(), dims_of(weight[1]), values.take(weight[1]));
    }
    if (names.empty()) {
      file.empty_attribute("model_weights/l", "weight_names");
    } else {
      file.strings_attribute("model_weights/l", "weight_names", names);
    }
    file.strings_attribute("model_weights", "layer_names", {"l"});
  }
  return load(path);
}

void set_input(Interpreter& interpreter, size_t index, const std::vector<float>& values) {
  const Graph& graph = interpreter.program().graph();
  if (graph.tensor(graph.inputs()[index]).type == DataType::int32) {
    std::copy(values.begin(), values.end(), interpreter.input<int32_t>(index).begin());
  } else {
    std::copy(values.begin(), values.end(), interpreter.input<float>(index).begin());
  }
}

std::vector<float> output_of(const Interpreter& interpreter, size_t index) {
  const Graph& graph = interpreter.program().graph();
  if (graph.tensor(graph.outputs()[index]).type == DataType::int32) {
    const auto values = interpreter.output<int32_t>(index);
    return {values.begin(), values.end()};
  }
  const auto values = interpreter.output<float>(index);
  return {values.begin(), values.end()};
}

class LayerGoldens : public testing::TestWithParam<size_t> {};

TEST_P(LayerGoldens, EqualKeras) {
  const Json& golden = goldens().cases[GetParam()];
  SCOPED_TRACE(golden.at("name").get<std::string>());
  Values values(golden);
  Model model = load_golden(golden, values);
  run_pipeline(model, inference_pipeline());
  Interpreter interpreter(Program::prepare(model));
  for (size_t i = 0; i < golden.at("inputs").size(); ++i) {
    set_input(interpreter, i, values.take(golden.at("inputs")[i]));
  }
  interpreter.invoke();
  for (size_t i = 0; i < golden.at("outputs").size(); ++i) {
    const std::vector<float> want = values.take(golden.at("outputs")[i]);
    const std::vector<float> got = output_of(interpreter, i);
    ASSERT_EQ(got.size(), want.size());
    float largest = 1;
    for (const float value : want) largest = std::max(largest, std::abs(value));
    for (size_t k = 0; k < want.size(); ++k) {
      ASSERT_NEAR(got[k], want[k], 1e-5f * largest + 1e-4f * std::abs(want[k])) << "value " << k;
    }
  }
}

std::string name_of(const testing::TestParamInfo<size_t>& info) {
  std::string name = goldens().cases[info.param].at("name").get<std::string>();
  std::string result;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || (!result.empty() && result.back() != '_')) result += plain ? c : '_';
  }
  return fmt::format("{}_{}", info.param, result);
}

INSTANTIATE_TEST_SUITE_P(Keras, LayerGoldens, testing::Range<size_t>(0, goldens().cases.size()),
                         name_of);

}  // namespace
}  // namespace smelt::keras
