#include "smelt/formats/keras/importer.h"

#include <algorithm>

#include "smelt/formats/keras/masks.h"

namespace smelt::keras {
namespace {

std::string describe(const std::string& name, const std::string& class_name) {
  return fmt::format("{} ({})", name, class_name);
}

void collect_unknown(const ModelSpec& model, std::vector<std::string>& unknown) {
  for (const LayerSpec& layer : model.layers) {
    if (layer.model) {
      collect_unknown(*layer.model, unknown);
    } else if (find_layer(layer.class_name) == nullptr) {
      unknown.push_back(describe(layer.name, layer.class_name));
    }
  }
}

/// Weights of any float type are read as float32, and layers compute in it.
void check_policy(const Layer& layer) {
  const Json* dtype = layer.config.find("dtype");
  if (dtype == nullptr) return;
  std::string policy = "float32";
  if (dtype->is_string()) {
    policy = dtype->get<std::string>();
  } else if (const Json* config = Config(*dtype).find("config")) {
    policy = Config(*config).string("name", policy);
  }
  if (policy.starts_with("mixed_")) policy.erase(0, 6);
  for (const char* known :
       {"float16", "float32", "float64", "bfloat16", "bool", "uint8", "int32", "int64"}) {
    if (policy == known) return;
  }
  fail(ErrorKind::unsupported, "dtype \"{}\" is not supported", policy);
}

DataType input_type(const Config& settings) {
  const Json* dtype = settings.find("dtype");
  if (dtype == nullptr || !dtype->is_string()) return DataType::float32;
  const std::string name = dtype->get<std::string>();
  if (name == "float16" || name == "bfloat16" || name == "float64") return DataType::float32;
  const auto type = name == "bool" ? DataType::boolean : data_type_from_name(name);
  if (!type || bit_width(*type) < 8) {
    fail(ErrorKind::unsupported, "inputs of dtype \"{}\" are not supported", name);
  }
  return *type;
}

/// Layers that compute something else, or at random, where they are called with training=True.
bool differs_in_training(std::string_view class_name) {
  return class_name.find("Dropout") != std::string_view::npos || class_name.ends_with("Noise") ||
         class_name.ends_with("BatchNormalization");
}

/// Keywords that the layer did not read must be such that change nothing at inference.
void check_keywords(const Layer& layer) {
  for (const auto& [key, value] : layer.arguments.keywords.items()) {
    const bool harmless = value.is_null() || layer.used_keywords.contains(key) ||
                          (key == "training" && !differs_in_training(layer.class_name)) ||
                          key == "mask" || (key == "name" && value.is_string()) ||
                          (value.is_boolean() && !value.get<bool>());
    if (!harmless) {
      fail(ErrorKind::unsupported, "it is called with {}={}, which is not supported", key,
           value.is_primitive() ? value.dump() : "...");
    }
  }
}

void require_known_layers(const ModelSpec& model) {
  std::vector<std::string> unknown;
  collect_unknown(model, unknown);
  if (unknown.empty()) return;
  constexpr size_t kMaxListed = 8;
  const size_t listed = std::min(unknown.size(), kMaxListed);
  std::string text = unknown[0];
  for (size_t i = 1; i < listed; ++i) text += ", " + unknown[i];
  if (listed < unknown.size()) text += fmt::format(" and {} more", unknown.size() - listed);
  fail(ErrorKind::unsupported, "layer{} {} {} not supported", unknown.size() > 1 ? "s" : "", text,
       unknown.size() > 1 ? "are" : "is");
}

}  // namespace

Graph Importer::run(const ModelSpec& model) && {
  if (!options_.ignore_custom) require_known_layers(model);
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < model.inputs.size(); ++i) {
    const LayerSpec& layer = model.layers[model.inputs[i].layer];
    inputs.push_back(
        with_context([&] { return "layer " + layer.name; }, [&] { return make_input(layer, i); }));
  }
  std::vector<TensorId> outputs = run_model(model, inputs, {});
  return std::move(graph_).finish(std::move(inputs), std::move(outputs));
}

TensorId Importer::make_input(const LayerSpec& layer, size_t index) {
  return graph_.input(layer.name, input_type(Config(*layer.settings)), input_shape(layer, index));
}

/// The batch axis and what the file or the caller says about the others.
Shape Importer::input_shape(const LayerSpec& layer, size_t index) {
  const Config settings(*layer.settings);
  const Json* stored = layer.implied_shape;
  for (const char* key : {"batch_input_shape", "batch_shape"}) {
    if (stored == nullptr) stored = settings.find(key);
  }
  std::vector<int32_t> dims;
  if (stored != nullptr) {
    for (const Json& dim : as_array(*stored, "the input shape")) {
      const int64_t size = dim.is_null() ? -1 : as_integer(dim, 1, kMaxSize, "the input shape");
      dims.push_back(static_cast<int32_t>(size));
    }
    if (dims.empty()) fail(ErrorKind::bad_file, "its shape is empty");
  }
  if (index < options_.input_shapes.size()) {
    std::vector<int32_t> given = options_.input_shapes[index].dims();
    if (given.size() + 1 == dims.size() || dims.empty()) given.insert(given.begin(), 1);
    const bool same_rank = dims.empty() || given.size() == dims.size();
    for (size_t i = 1; same_rank && i < given.size(); ++i) {
      const bool fits = dims.empty() || dims[i] < 0 || dims[i] == given[i];
      if (given[i] < 1 || given[i] > kMaxSize || !fits) {
        fail(ErrorKind::bad_argument, "--input-shape {} does not fit the model's {}",
             to_string(options_.input_shapes[index]), to_string(Shape(dims)));
      }
    }
    if (!same_rank) {
      fail(ErrorKind::bad_argument, "--input-shape {} has another rank than the model's {}",
           to_string(options_.input_shapes[index]), to_string(Shape(dims)));
    }
    dims = given;
  }
  if (dims.empty()) {
    fail(ErrorKind::unsupported, "the file does not say its shape; pass it with --input-shape");
  }
  dims[0] = 1;
  if (!Shape(dims).known()) {
    if (open_size_ == 0) {
      fail(ErrorKind::unsupported, "its shape {} is open; pass sizes with --input-shape",
           to_string(Shape(dims)));
    }
    has_open_axes_ = true;
    for (int32_t& dim : dims) dim = dim < 0 ? open_size_ : dim;
  }
  Shape(dims).elements();
  return Shape(std::move(dims));
}

std::vector<TensorId> Importer::run_model(const ModelSpec& model,
                                          const std::vector<TensorId>& inputs, const Scope& scope) {
  if (inputs.size() != model.inputs.size()) {
    fail(ErrorKind::bad_file, "the model {} is called with {} inputs and has {}", model.name,
         inputs.size(), model.inputs.size());
  }
  std::map<std::pair<size_t, size_t>, std::vector<TensorId>> results;
  for (size_t i = 0; i < inputs.size(); ++i) results[{model.inputs[i].layer, 0}] = {inputs[i]};
  const auto value = [&](const TensorRef& ref) {
    const auto found = results.find({ref.layer, ref.call});
    if (found == results.end() || ref.result >= found->second.size()) {
      fail(ErrorKind::bad_file, "output {} of layer {} does not exist", ref.result,
           model.layers[ref.layer].name);
    }
    return found->second[ref.result];
  };
  for (const auto& [layer, call] : execution_order(model)) {
    const LayerSpec& spec = model.layers[layer];
    results[{layer, call}] =
        with_context([&] { return "layer " + scope.prefix + describe(spec.name, spec.class_name); },
                     [&] {
                       const LayerCall& wanted = spec.calls[call];
                       Arguments arguments{wanted.positional, wanted.keywords, {}};
                       for (const TensorRef& ref : wanted.inputs) {
                         arguments.tensors.push_back(value(ref));
                       }
                       std::vector<TensorId> positional = arguments.tensors;
                       positional.resize(wanted.positional_inputs);
                       return run_layer(spec, arguments, std::move(positional), scope);
                     });
  }
  std::vector<TensorId> outputs;
  for (const TensorRef& ref : model.outputs) outputs.push_back(value(ref));
  return outputs;
}

std::vector<TensorId> Importer::run_layer(const LayerSpec& spec, const Arguments& arguments,
                                          std::vector<TensorId> inputs, const Scope& scope) {
  LayerPath path = scope.path;
  path.push_back({spec.name, spec.key});
  if (spec.model) {
    return run_model(*spec.model, inputs, {scope.prefix + spec.name + "/", std::move(path)});
  }
  const TableRow* row = find_row(spec.class_name);
  SMELT_CHECK(row != nullptr);
  graph_.begin_layer(scope.prefix + spec.name);
  std::set<std::string, std::less<>> used_keywords;
  Layer layer{.name = spec.name,
              .class_name = spec.class_name,
              .config = Config(*spec.settings),
              .inputs = std::move(inputs),
              .masks = {},
              .graph = graph_,
              .keras_version = keras_version_,
              .path = std::move(path),
              .host = *this,
              .arguments = arguments,
              .used_keywords = used_keywords};
  for (const TensorId input : layer.inputs) layer.masks.push_back(mask_of(input));
  // Keras 3 hands a mask on by itself only to calls with one tensor among their arguments.
  if (keras_version_ >= 3 && !layer.keyword_tensors("initial_state").empty()) {
    std::fill(layer.masks.begin(), layer.masks.end(), TensorId::none);
  }
  if (const auto mask = layer.keyword_tensors("mask"); mask.size() == 1 && !layer.masks.empty()) {
    layer.masks[0] = mask[0];
  }
  std::vector<TensorId> results = import_layer(*row, layer);
  check_keywords(layer);
  graph_.end_layer(results);
  return results;
}

const TableRow* Importer::find_row(std::string_view class_name) const {
  const TableRow* row = find_layer(class_name);
  return row == nullptr && options_.ignore_custom ? custom_layer() : row;
}

std::vector<TensorId> Importer::import_layer(const TableRow& row, Layer& layer) {
  if (!row.any_type) {
    for (TensorId& input : layer.inputs) input = as_float(input);
  }
  // Layers of integers say so in the same place.
  if (layer.class_name != "InputLayer" && !row.any_type) check_policy(layer);
  const Results results = row.import(layer);
  TensorId mask = row.passes_mask ? layer.mask() : computed_mask(layer, results);
  if (results.mask) mask = *results.mask;
  for (size_t i = 0; mask && i < std::min(results.masked, results.values.size()); ++i) {
    masks_[results.values[i]] = mask;
  }
  return results.values;
}

Results Importer::call_inner(const Layer& layer, const Json& spec, const Part& part,
                             std::vector<TensorId> inputs) {
  constexpr int kMaxDepth = 16;
  if (++depth_ > kMaxDepth) fail(ErrorKind::bad_file, "layers nest too deeply");
  const Config described(spec);
  const std::string class_name = described.string("class_name");
  Layer inner = layer.part(part);
  std::vector<TensorId> results;
  if (is_model(spec)) {
    const ModelSpec model = read_model(spec);
    if (!options_.ignore_custom) require_known_layers(model);
    const auto names = graph_.layer();
    results = run_model(model, inputs, {graph_.origin() + "/", inner.path});
    graph_.set_layer(names);
  } else {
    const TableRow* row = find_row(class_name);
    if (row == nullptr) {
      fail(ErrorKind::unsupported, "the layer inside, {}, is not supported", class_name);
    }
    const Json none = Json::object();
    const Json* settings = described.find("config");
    inner.class_name = class_name;
    inner.config = Config(settings == nullptr ? none : *settings);
    inner.masks.clear();
    for (const TensorId input : inputs) inner.masks.push_back(mask_of(input));
    inner.inputs = std::move(inputs);
    results = import_layer(*row, inner);
  }
  --depth_;
  return Results(std::move(results));
}

TensorId Importer::weight(const Layer& layer, const WeightQuery& query, const MakeTensor& make) {
  std::string key;
  for (const PathStep& step : layer.path) key += step.name + "|" + step.key + "/";
  key += fmt::format("{}:{}", query.roles.front(), query.position);
  if (const auto found = constants_.find(key); found != constants_.end()) return found->second;
  const hdf5::Floats floats = read_weight(weights_, layer.path, query);
  return constants_[key] = graph_.constant(make(floats.values));
}

std::optional<std::vector<int64_t>> Importer::weight_shape(const Layer& layer,
                                                           const WeightQuery& query) {
  const auto found = weights_.find(layer.path, query);
  if (!found) return std::nullopt;
  return found->shape;
}

TensorId Importer::mask_of(TensorId tensor) const {
  const auto found = masks_.find(tensor);
  return found == masks_.end() ? TensorId::none : found->second;
}

/// Images and indices may come in as integers; layers compute in float32.
TensorId Importer::as_float(TensorId input) {
  const DataType type = graph_.type(input);
  if (type == DataType::float32) return input;
  if (const auto found = floats_.find(input); found != floats_.end()) return found->second;
  const CastAttributes cast{.in_type = type, .out_type = DataType::float32};
  const Shape shape = graph_.shape(input);
  const TensorId result = floats_[input] = graph_.op(OpType::cast, {input}, cast, shape);
  if (const TensorId mask = mask_of(input)) masks_[result] = mask;
  return result;
}

}  // namespace smelt::keras
