#include "smelt/formats/keras/calls.h"

#include <algorithm>

#include "smelt/base/error.h"

namespace smelt::keras {
namespace {

constexpr int64_t kMaxIndex = 1 << 20;

bool is_ref(const Json& json) { return json.is_array() && json.size() >= 3 && json[0].is_string(); }

}  // namespace

CallReader::NamedRef CallReader::read_ref(const Json& json) {
  if (!is_ref(json)) fail(ErrorKind::bad_file, "a call does not name [layer, call, output]");
  return {as_string(json[0], "layer of a call"),
          static_cast<size_t>(as_integer(json[1], 0, kMaxIndex, "number of a call")),
          static_cast<size_t>(as_integer(json[2], 0, kMaxIndex, "number of an output"))};
}

/// Keyword arguments that change nothing at inference may stand there.
void CallReader::check_keywords(const Json& keywords) {
  if (!keywords.is_object()) return;
  for (const auto& [key, value] : keywords.items()) {
    const bool harmless = value.is_null() || (key == "training" && value == Json(false)) ||
                          (key == "name" && value.is_string());
    if (!harmless) {
      fail(ErrorKind::unsupported, "it is called with {}={}, which is not supported", key,
           value.is_primitive() ? value.dump() : "...");
    }
  }
}

/// Keras 3: tensors are objects that remember where they come from, anywhere in the arguments.
void CallReader::read_arguments(const Json& value, std::vector<NamedRef>& refs) {
  if (value.is_array()) {
    for (const Json& element : value) read_arguments(element, refs);
    return;
  }
  if (!value.is_object() || Config(value).string("class_name", "") != "__keras_tensor__") {
    fail(ErrorKind::unsupported, "it is called with an argument that is no tensor");
  }
  refs.push_back(read_ref(Config(Config(value).at("config")).at("keras_history")));
}

void CallReader::read_call(const Json& node, std::vector<NamedRef>& refs) {
  if (node.is_object()) {
    if (const Json* keywords = Config(node).find("kwargs")) check_keywords(*keywords);
    read_arguments(Config(node).at("args"), refs);
    return;
  }
  if (is_ref(node)) {  // one input, not in a list of its own
    if (node.size() > 3) check_keywords(node[3]);
    refs.push_back(read_ref(node));
    return;
  }
  for (const Json& input : as_array(node, "a call")) {
    if (is_ref(input) && input.size() > 3) check_keywords(input[3]);
    refs.push_back(read_ref(input));
  }
}

void CallReader::add_layer(const std::string& name, bool is_model, const Json* nodes) {
  Layer layer{name, is_model, {}};
  if (nodes != nullptr) {
    for (const Json& node : as_array(*nodes, "\"inbound_nodes\"")) {
      read_call(node, layer.calls.emplace_back());
    }
  }
  if (!index_.emplace(name, layers_.size()).second) {
    fail(ErrorKind::bad_file, "two layers have this name");
  }
  layers_.push_back(std::move(layer));
}

/// "input_layers" and "output_layers": a list of references, a single one, or a dictionary.
void CallReader::read_refs(const Json& value, std::vector<NamedRef>& refs) {
  if (is_ref(value)) {
    refs.push_back(read_ref(value));
  } else if (value.is_structured()) {
    for (const Json& element : value) read_refs(element, refs);
  } else {
    fail(ErrorKind::bad_file, "inputs or outputs of the model are malformed");
  }
}

/// A model that is used as a layer counts its calls from 1 where it was built from inputs (call 0
/// is its own definition, which is not listed), so the numbers in references decide.
std::vector<size_t> CallReader::first_calls(const std::vector<NamedRef>& outputs) const {
  std::vector<size_t> first(layers_.size(), 0);
  const auto look = [&](const std::vector<NamedRef>& refs) {
    for (const NamedRef& ref : refs) {
      const auto found = index_.find(ref.layer);
      if (found == index_.end()) continue;
      const Layer& layer = layers_[found->second];
      if (layer.is_model && ref.call >= layer.calls.size()) first[found->second] = 1;
    }
  };
  for (const Layer& layer : layers_) {
    for (const auto& call : layer.calls) look(call);
  }
  look(outputs);
  return first;
}

TensorRef CallReader::find(const ModelSpec& model, const NamedRef& ref,
                           const std::vector<size_t>& first_call) const {
  const auto found = index_.find(ref.layer);
  if (found == index_.end()) {
    fail(ErrorKind::bad_file, "a call reads layer \"{}\", which does not exist", ref.layer);
  }
  const size_t layer = found->second;
  const size_t calls = std::max<size_t>(model.layers[layer].calls.size(), 1);
  if (ref.call < first_call[layer] || ref.call - first_call[layer] >= calls) {
    fail(ErrorKind::bad_file, "a call reads call {} of layer \"{}\", which has {}", ref.call,
         ref.layer, calls);
  }
  return {layer, ref.call - first_call[layer], ref.result};
}

void CallReader::resolve(ModelSpec& model, const Json& inputs, const Json& outputs) const {
  SMELT_CHECK(model.layers.size() == layers_.size());
  std::vector<NamedRef> input_refs;
  std::vector<NamedRef> output_refs;
  read_refs(inputs, input_refs);
  read_refs(outputs, output_refs);
  const std::vector<size_t> first_call = first_calls(output_refs);
  for (size_t i = 0; i < layers_.size(); ++i) model.layers[i].calls.resize(layers_[i].calls.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    with_context([&] { return fmt::format("layer {}", layers_[i].name); },
                 [&] {
                   for (size_t c = 0; c < layers_[i].calls.size(); ++c) {
                     for (const NamedRef& ref : layers_[i].calls[c]) {
                       model.layers[i].calls[c].inputs.push_back(find(model, ref, first_call));
                     }
                   }
                 });
  }
  for (const NamedRef& ref : input_refs) {
    const TensorRef input = find(model, ref, first_call);
    const LayerSpec& layer = model.layers[input.layer];
    if (layer.class_name != "InputLayer" || !layer.calls.empty()) {
      fail(ErrorKind::bad_file, "layer {} is no input of the model", layer.name);
    }
    model.inputs.push_back(input);
  }
  for (const NamedRef& ref : output_refs) model.outputs.push_back(find(model, ref, first_call));
  if (model.outputs.empty()) fail(ErrorKind::bad_file, "the model has no outputs");
}

}  // namespace smelt::keras
