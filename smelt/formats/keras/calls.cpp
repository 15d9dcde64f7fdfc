#include "smelt/formats/keras/calls.h"

#include <algorithm>

#include "smelt/base/error.h"

namespace smelt::keras {
namespace {

constexpr int64_t kMaxIndex = 1 << 20;

bool is_ref(const Json& json) { return json.is_array() && json.size() >= 3 && json[0].is_string(); }

Json tensor_json(size_t index) { return {{"$tensor", index}}; }

}  // namespace

CallReader::NamedRef CallReader::read_ref(const Json& json) {
  if (!is_ref(json)) fail(ErrorKind::bad_file, "a call does not name [layer, call, output]");
  return {as_string(json[0], "layer of a call"),
          static_cast<size_t>(as_integer(json[1], 0, kMaxIndex, "number of a call")),
          static_cast<size_t>(as_integer(json[2], 0, kMaxIndex, "number of an output"))};
}

/// A list in a keyword that looks like a tensor must name a layer to be one.
bool CallReader::is_known_ref(const Json& value) const {
  return is_ref(value) && value[1].is_number_integer() && value[2].is_number_integer() &&
         index_.contains(value[0].get_ref<const std::string&>());
}

Json CallReader::read_keywords(const Json& value, NamedCall& call) const {
  if (is_known_ref(value)) {
    call.refs.push_back(read_ref(value));
    return tensor_json(call.refs.size() - 1);
  }
  if (!value.is_structured()) return value;
  Json result = value;
  for (Json& element : result) element = read_keywords(Json(element), call);
  return result;
}

/// The first argument; the keywords of the call hang on any tensor in it.
Json CallReader::read_keras2(const Json& value, NamedCall& call, Json& keywords) const {
  if (is_ref(value)) {
    if (value.size() > 3 && value[3].is_object() && !value[3].empty()) keywords = value[3];
    if (value[0] == "_CONSTANT_VALUE") return value[2];
    call.refs.push_back(read_ref(value));
    return tensor_json(call.refs.size() - 1);
  }
  if (!value.is_structured()) {
    fail(ErrorKind::bad_file, "a call does not name [layer, call, output]");
  }
  Json result = value;
  for (Json& element : result) element = read_keras2(Json(element), call, keywords);
  return result;
}

Json CallReader::read_keras3(const Json& value, NamedCall& call) const {
  if (!value.is_structured()) return value;
  if (value.is_object() && Config(value).find("class_name") != nullptr &&
      value.at("class_name") == "__keras_tensor__") {
    call.refs.push_back(read_ref(Config(Config(value).at("config")).at("keras_history")));
    return tensor_json(call.refs.size() - 1);
  }
  Json result = value;
  for (Json& element : result) element = read_keras3(Json(element), call);
  return result;
}

CallReader::NamedCall CallReader::read_call(const Json& node) const {
  NamedCall result;
  LayerCall& call = result.call;
  if (node.is_object() && node.contains("args")) {
    as_array(node.at("args"), "\"args\"");
    call.positional = read_keras3(node.at("args"), result);
    call.positional_inputs = result.refs.size();
    if (const Json* keywords = Config(node).find("kwargs")) {
      if (!keywords->is_object()) fail(ErrorKind::bad_file, "\"kwargs\" is no dictionary");
      call.keywords = read_keras3(*keywords, result);
    }
    return result;
  }
  Json keywords = Json::object();
  Json argument = read_keras2(node, result, keywords);
  // One tensor is written as a list of one.
  if (argument.is_array() && argument.size() == 1) argument = Json(argument[0]);
  call.positional = Json::array({std::move(argument)});
  call.positional_inputs = result.refs.size();
  call.keywords = read_keywords(keywords, result);
  return result;
}

void CallReader::add_layer(const std::string& name, bool is_model, const Json* nodes) {
  if (nodes != nullptr) as_array(*nodes, "\"inbound_nodes\"");
  if (!index_.emplace(name, layers_.size()).second) {
    fail(ErrorKind::bad_file, "two layers have this name");
  }
  layers_.push_back({name, is_model, nodes});
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
  std::vector<std::vector<NamedCall>> calls(layers_.size());
  const auto in_layer = [&](size_t i, auto&& body) {
    with_context([&] { return "layer " + layers_[i].name; }, body);
  };
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i].nodes == nullptr) continue;
    in_layer(i, [&] {
      for (const Json& node : *layers_[i].nodes) calls[i].push_back(read_call(node));
    });
  }
  // A model that is used as a layer counts its calls from 1 where it was built from inputs (call 0
  // is its own definition, which is not listed), so the numbers in references decide.
  std::vector<size_t> first_call(layers_.size(), 0);
  const auto look = [&](const std::vector<NamedRef>& refs) {
    for (const NamedRef& ref : refs) {
      const auto found = index_.find(ref.layer);
      if (found == index_.end() || !layers_[found->second].is_model) continue;
      if (ref.call >= calls[found->second].size()) first_call[found->second] = 1;
    }
  };
  for (const auto& layer : calls) {
    for (const NamedCall& call : layer) look(call.refs);
  }
  look(output_refs);
  for (size_t i = 0; i < layers_.size(); ++i) model.layers[i].calls.resize(calls[i].size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    in_layer(i, [&] {
      for (size_t c = 0; c < calls[i].size(); ++c) {
        LayerCall& call = model.layers[i].calls[c] = std::move(calls[i][c].call);
        for (const NamedRef& ref : calls[i][c].refs) {
          call.inputs.push_back(find(model, ref, first_call));
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
