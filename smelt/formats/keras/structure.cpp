#include "smelt/formats/keras/structure.h"

#include <algorithm>
#include <map>
#include <queue>

#include "smelt/base/error.h"
#include "smelt/formats/keras/calls.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

constexpr int kMaxModelDepth = 16;

/// "SeparableConv1D" -> "separable_conv1d", as keras.src.utils.naming.to_snake_case does.
std::string snake_case(std::string_view name) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool word = i > 0 && is_upper(c) &&
                      (is_lower(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1])));
    if (word) result += '_';
    result += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

/// Numbers layers of one class in the order of the model.
void set_keys(ModelSpec& model) {
  std::map<std::string, int> used;
  for (LayerSpec& layer : model.layers) {
    const std::string base = snake_case(layer.class_name);
    const int number = used[base]++;
    layer.key = number == 0 ? "layers/" + base : fmt::format("layers/{}_{}", base, number);
  }
}

/// The layers that a model lists, null where it is no model.
const Json* layer_list(const Json& config) {
  const Json* layers = config.is_array() ? &config : Config(config).find("layers");
  if (layers == nullptr || !layers->is_array()) return nullptr;
  const bool all = std::all_of(layers->begin(), layers->end(), [](const Json& layer) {
    return Config(layer).has("class_name") && Config(layer).has("config");
  });
  return all ? layers : nullptr;
}

/// TensorFlowOpLayer: the node is an object or, in some versions, text.
std::string node_class(const Json& config) {
  const Json& node = Config(config).at("node_def");
  if (!node.is_object()) return "TensorFlowOpLayer";
  return "raw." + Config(node).string("op");
}

/// The .h5 files of Keras 3 leave the module out: operations then lack what every layer has.
bool is_bare_operation(const Config& layer, const std::string& name) {
  const Json* nodes = layer.find("inbound_nodes");
  const Json* settings = layer.find("config");
  if (layer.has("module") || nodes == nullptr || settings == nullptr) return false;
  const bool called_as_in_keras3 =
      nodes->is_array() && !nodes->empty() && Config((*nodes)[0]).has("args");
  return called_as_in_keras3 && !Config(*settings).has("trainable") &&
         find_layer("ops." + name) != nullptr;
}

/// Operations among the layers get names of their own (see ops.h), so that "Add" of `keras.ops` is
/// not the layer Add.
std::string class_of(const Config& layer) {
  const std::string name = layer.string("class_name");
  if (layer.string("module", "").starts_with("keras.src.ops") || is_bare_operation(layer, name)) {
    return "ops." + name;
  }
  if (name == "TFOpLambda" || name == "SlicingOpLambda") {
    return "tf." + Config(layer.at("config")).string("function");
  }
  return name == "TensorFlowOpLayer" ? node_class(layer.at("config")) : name;
}

LayerSpec read_layer(const Json& json, int depth) {
  const Config layer(json);
  LayerSpec spec;
  spec.class_name = class_of(layer);
  spec.settings = &layer.at("config");
  const Config settings(*spec.settings);
  if (is_model(json)) spec.model = std::make_unique<ModelSpec>(read_model(json, depth + 1));
  spec.name = layer.has("name") ? layer.string("name") : settings.string("name", "");
  if (spec.name.empty() && spec.model) spec.name = spec.model->name;
  if (spec.name.empty()) fail(ErrorKind::bad_file, "a layer ({}) has no name", spec.class_name);
  return spec;
}

/// The shape that the first layer of a Sequential model was given, null where there is none.
const Json* sequential_input_shape(const Json& config, const LayerSpec& first) {
  const Config settings(*first.settings);
  for (const char* key : {"batch_input_shape", "batch_shape"}) {
    if (const Json* shape = settings.find(key)) return shape;
  }
  if (const Json* shape = Config(config).find("build_input_shape")) return shape;
  if (first.class_name == "Bidirectional") {
    const Config inner(Config(settings.at("layer")).at("config"));
    if (const Json* shape = inner.find("batch_input_shape")) return shape;
  }
  if (!first.model || first.model->inputs.empty()) return nullptr;
  const LayerSpec& inner = first.model->layers[first.model->inputs[0].layer];
  return inner.implied_shape != nullptr ? inner.implied_shape
                                        : sequential_input_shape(Json(), inner);
}

/// An InputLayer in front of a model that has none.
LayerSpec implied_input(const Json& config, const LayerSpec& first) {
  static const Json kNoSettings = Json::object();
  LayerSpec input;
  input.name = first.name + "_input";
  input.class_name = "InputLayer";
  input.settings = &kNoSettings;
  input.implied_shape = sequential_input_shape(config, first);
  return input;
}

ModelSpec read_sequential(const Json& config, int depth) {
  // Up to Keras 2.2.2 the configuration was the list of layers itself.
  const Config settings(config);
  const Json& list = config.is_array() ? config : settings.at("layers");
  ModelSpec model;
  model.name = settings.string("name", "sequential");
  for (const Json& json : as_array(list, "\"layers\"")) {
    LayerSpec layer = read_layer(json, depth);
    if (model.layers.empty() && layer.class_name != "InputLayer") {
      model.layers.push_back(implied_input(config, layer));
    }
    if (!model.layers.empty()) {
      layer.calls.push_back({.inputs = {{model.layers.size() - 1, 0, 0}}, .positional_inputs = 1});
    }
    model.layers.push_back(std::move(layer));
  }
  if (model.layers.empty()) fail(ErrorKind::bad_file, "the model has no layers");
  model.inputs = {{0, 0, 0}};
  model.outputs = {{model.layers.size() - 1, 0, 0}};
  set_keys(model);
  return model;
}

ModelSpec read_functional(const Json& config, int depth) {
  const Config settings(config);
  ModelSpec model;
  model.name = settings.string("name", "model");
  CallReader calls;
  for (const Json& json : as_array(settings.at("layers"), "\"layers\"")) {
    model.layers.push_back(read_layer(json, depth));
    with_context([&] { return fmt::format("layer {}", model.layers.back().name); },
                 [&] {
                   calls.add_layer(model.layers.back().name, model.layers.back().model != nullptr,
                                   Config(json).find("inbound_nodes"));
                 });
  }
  calls.resolve(model, settings.at("input_layers"), settings.at("output_layers"));
  set_keys(model);
  return model;
}

}  // namespace

bool is_model(const Json& layer) {
  const std::string class_name = Config(layer).string("class_name", "");
  if (class_name == "Sequential" || class_name == "Functional" || class_name == "Model") {
    return true;
  }
  const Json* config = Config(layer).find("config");
  return config != nullptr && find_layer(class_name) == nullptr && layer_list(*config) != nullptr;
}

ModelSpec read_model(const Json& model, int depth) {
  if (depth > kMaxModelDepth) fail(ErrorKind::bad_file, "models nest too deeply");
  const Config outer(model);
  const std::string class_name = outer.string("class_name");
  const Json& config = outer.at("config");
  if (class_name == "Sequential") return read_sequential(config, depth);
  if (!is_model(model) || layer_list(config) == nullptr) {
    fail(ErrorKind::unsupported,
         "the model is of class {}, whose layers only its Python code knows", class_name);
  }
  const bool functional = Config(config).has("input_layers");
  return functional ? read_functional(config, depth) : read_sequential(config, depth);
}

std::vector<std::pair<size_t, size_t>> execution_order(const ModelSpec& model) {
  using Key = std::pair<size_t, size_t>;
  std::map<Key, size_t> missing;
  std::map<Key, std::vector<Key>> readers;
  std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;
  for (size_t l = 0; l < model.layers.size(); ++l) {
    for (size_t c = 0; c < model.layers[l].calls.size(); ++c) {
      size_t& count = missing[{l, c}];
      for (const TensorRef& input : model.layers[l].calls[c].inputs) {
        if (model.layers[input.layer].calls.empty()) continue;  // an input of the model
        readers[{input.layer, input.call}].push_back({l, c});
        ++count;
      }
      if (count == 0) ready.push({l, c});
    }
  }
  std::vector<Key> order;
  while (!ready.empty()) {
    const Key key = ready.top();
    ready.pop();
    order.push_back(key);
    for (const Key& reader : readers[key]) {
      if (--missing[reader] == 0) ready.push(reader);
    }
  }
  if (order.size() != missing.size()) {
    const auto stuck = std::find_if(missing.begin(), missing.end(),
                                    [](const auto& entry) { return entry.second > 0; });
    fail(ErrorKind::bad_file, "layer {} depends on its own output",
         model.layers[stuck->first.first].name);
  }
  return order;
}

}  // namespace smelt::keras
