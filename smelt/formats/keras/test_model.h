#pragma once

#include <string>
#include <vector>

#include "smelt/formats/hdf5/test_writer.h"
#include "smelt/formats/keras/keras.h"
#include "smelt/ir/dump.h"

namespace smelt::keras::test {

struct Weight {
  std::string name;  ///< "conv/kernel:0"
  std::vector<hsize_t> dims;
};

struct LayerWeights {
  std::string layer;
  std::vector<Weight> weights;
};

/// Writes a model as Keras does; the values of every weight count up from 0.
inline void write_model(const std::filesystem::path& path, const std::string& config,
                        const std::vector<LayerWeights>& layers,
                        const std::string& version = "2.4.0") {
  hdf5::test::Writer file(path);
  file.string_attribute("/", "model_config", config);
  file.string_attribute("/", "keras_version", version);
  file.group("model_weights");
  std::vector<std::string> names;
  for (const LayerWeights& layer : layers) {
    const std::string group = "model_weights/" + layer.layer;
    file.group(group);
    names.push_back(layer.layer);
    std::vector<std::string> weights;
    for (const Weight& weight : layer.weights) {
      size_t count = 1;
      for (const hsize_t dim : weight.dims) count *= dim;
      std::vector<float> values(count);
      for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
      file.floats(group + "/" + weight.name, weight.dims, values);
      weights.push_back(weight.name);
    }
    if (weights.empty()) {
      file.empty_attribute(group, "weight_names");
    } else {
      file.strings_attribute(group, "weight_names", weights);
    }
  }
  if (!names.empty()) file.strings_attribute("model_weights", "layer_names", names);
}

/// A model of one layer, "l", behind an input "x" of that shape ("[null, 4]").
inline std::string one_layer(const std::string& class_name, const std::string& settings,
                             const std::string& input_shape) {
  return R"({"class_name": "Sequential", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "config": {"batch_input_shape": )" +
         input_shape + R"(, "dtype": "float32", "name": "x"}},
      {"class_name": ")" +
         class_name + R"(", "config": {"name": "l")" + (settings.empty() ? "" : ", ") + settings +
         "}}]}}";
}

template <class Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return fmt::format("{}: {}", name(error.kind()), error.what());
  }
  return "no error";
}

}  // namespace smelt::keras::test
