#include "smelt/formats/keras/importer.h"

#include <algorithm>

namespace smelt::keras {
namespace {

std::string describe(const std::string& name, const std::string& class_name) {
  return fmt::format("{} ({})", name, class_name);
}

void collect_unknown(const Json& model, std::vector<std::string>& unknown) {
  const Config outer(model);
  const Json& config = outer.at("config");
  const Json* layers = config.is_array() ? &config : Config(config).find("layers");
  if (layers == nullptr) return;
  for (const Json& json : as_array(*layers, "\"layers\"")) {
    const Config layer(json);
    const std::string class_name = layer.string("class_name");
    if (is_model_class(class_name)) {
      collect_unknown(json, unknown);
    } else if (find_importer(class_name) == nullptr) {
      const Config settings(layer.at("config"));
      unknown.push_back(describe(layer.string("name", settings.string("name", "?")), class_name));
    }
  }
}

/// Weights of other types are read as float32, but a model that computes in another type would give
/// other results.
void check_policy(const Layer& layer) {
  const Json* dtype = layer.config.find("dtype");
  if (dtype == nullptr) return;
  std::string policy = "float32";
  if (dtype->is_string()) {
    policy = dtype->get<std::string>();
  } else if (const Json* config = Config(*dtype).find("config")) {
    policy = Config(*config).string("name", policy);
  }
  if (policy == "float32" || policy == "mixed_float16" || policy == "mixed_bfloat16") return;
  fail(ErrorKind::unsupported, "dtype \"{}\" is not supported, only float32 and mixed policies are",
       policy);
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

}  // namespace

void require_known_layers(const Json& model) {
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

Graph Importer::run(const ModelSpec& model) && {
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
Shape Importer::input_shape(const LayerSpec& layer, size_t index) const {
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
  if (const Shape shape(dims); !shape.known()) {
    fail(ErrorKind::unsupported, "its shape {} is open; pass sizes with --input-shape",
         to_string(shape));
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
                       std::vector<TensorId> values;
                       for (const TensorRef& ref : spec.calls[call].inputs)
                         values.push_back(value(ref));
                       return run_layer(spec, std::move(values), scope);
                     });
  }
  std::vector<TensorId> outputs;
  for (const TensorRef& ref : model.outputs) outputs.push_back(value(ref));
  return outputs;
}

std::vector<TensorId> Importer::run_layer(const LayerSpec& spec, std::vector<TensorId> inputs,
                                          const Scope& scope) {
  if (spec.model) {
    return run_model(*spec.model, inputs,
                     {.prefix = scope.prefix + spec.name + "/",
                      .outer_layer = scope.outer_layer.empty() ? spec.name : scope.outer_layer});
  }
  const ImportLayer import = find_importer(spec.class_name);
  SMELT_CHECK(import != nullptr);
  graph_.begin_layer(scope.prefix + spec.name);
  for (TensorId& input : inputs) input = as_float(input);
  const auto weight = [&](const LayerWeights::Query& query, const Layer::MakeTensor& make) {
    return import_weight(spec, scope, query, make);
  };
  const Layer layer{.name = spec.name,
                    .class_name = spec.class_name,
                    .config = Config(*spec.settings),
                    .inputs = std::move(inputs),
                    .graph = graph_,
                    .keras_version = keras_version_,
                    .weight = weight};
  if (spec.class_name != "InputLayer") check_policy(layer);
  const Results results = import(layer);
  graph_.end_layer(results.values);
  return results.values;
}

TensorId Importer::import_weight(const LayerSpec& spec, const Scope& scope,
                                 LayerWeights::Query query, const Layer::MakeTensor& make) {
  const auto key = std::pair(&spec, std::string(query.roles.front()));
  if (const auto found = constants_.find(key); found != constants_.end()) return found->second;
  const bool nested = !scope.outer_layer.empty();
  if (nested) query.inner_layer = spec.name;
  const LayerWeights& weights = weights_.layer(nested ? scope.outer_layer : spec.name);
  const hdf5::Floats floats = weights.read(query);
  return constants_[key] = graph_.constant(make(floats.values));
}

/// Images and indices may come in as integers; layers compute in float32.
TensorId Importer::as_float(TensorId input) {
  const DataType type = graph_.type(input);
  if (type == DataType::float32) return input;
  if (const auto found = floats_.find(input); found != floats_.end()) return found->second;
  const CastAttributes cast{.in_type = type, .out_type = DataType::float32};
  const Shape shape = graph_.shape(input);
  return floats_[input] = graph_.op(OpType::cast, {input}, cast, shape);
}

}  // namespace smelt::keras
