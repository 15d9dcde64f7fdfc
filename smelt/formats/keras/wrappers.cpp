#include <algorithm>

#include "smelt/formats/keras/ops.h"

namespace smelt::keras {
namespace {

/// The layer inside, under "layer".
struct Inner {
  const Json& spec;
  std::string class_name;
  Part part;
};

Inner inner_of(const Layer& layer) {
  const Json& spec = layer.config.at("layer");
  const Config described(spec);
  const Config settings(described.at("config"));
  return {spec,
          described.string("class_name"),
          {.key = "layer", .name = settings.string("name", described.string("name", ""))}};
}

/// Layers that give the same on [N,T,...] as on every [N,...] of it.
bool works_on_any_rank(std::string_view class_name) {
  constexpr std::string_view kClasses[] = {
      "Activation",    "Dense",     "Dropout", "ELU",       "GaussianDropout",
      "GaussianNoise", "LeakyReLU", "ReLU",    "Rescaling", "ActivityRegularization",
      "AlphaDropout"};
  return std::find(std::begin(kClasses), std::end(kClasses), class_name) != std::end(kClasses);
}

/// x [N,T,...] -> [N,T,...]: a layer on every step. Where it needs a certain rank, steps become
/// samples of a batch of N*T in between.
Results import_time_distributed(const Layer& layer) {
  const Inner inner = inner_of(layer);
  const TensorId x = layer.input();
  if (works_on_any_rank(inner.class_name)) {
    return layer.host.call_inner(layer, inner.spec, inner.part, {x});
  }
  GraphWriter& graph = layer.graph;
  const Shape in = graph.shape(x);
  if (in.rank() < 3) fail(ErrorKind::bad_file, "its input {} has no time axis", to_string(in));
  const int32_t steps = in[1];
  const auto reshape = [&](TensorId tensor, const Shape& shape) {
    std::vector<int32_t> target = shape.dims();
    target[0] = Shape::kUnknown;
    const TensorId operand = graph.ints("shape", target, {shape.rank()});
    return graph.op(OpType::reshape, {tensor, operand}, ReshapeAttributes{.new_shape = target},
                    shape, graph.type(tensor));
  };
  std::vector<int32_t> dims = in.dims();
  dims.erase(dims.begin() + 1);
  const int32_t first = graph.tensor_count();
  const TensorId folded = reshape(x, Shape(dims));
  Results results = layer.host.call_inner(layer, inner.spec, inner.part, {folded});
  graph.widen_batch(first, steps);
  for (TensorId& value : results.values) {
    std::vector<int32_t> out = graph.shape(value).dims();
    if (out.empty() || out[0] != steps) {
      fail(ErrorKind::unsupported, "{} does not keep its steps apart", inner.class_name);
    }
    out.insert(out.begin(), 1);
    value = reshape(value, Shape(std::move(out)));
  }
  results.mask.reset();
  return results;
}

/// Activations that quantization-aware training wraps, as plain ones.
Json without_quantizers(const Json& spec) {
  Json plain = spec;
  Json& settings = plain["config"];
  if (!settings.is_object() || !settings.contains("activation")) return plain;
  Json activation = settings["activation"];
  while (activation.is_object()) {
    const Config described(activation);
    const std::string class_name = described.string("class_name", "");
    Json next = "linear";
    if (class_name == "QuantizeAwareActivation") {
      const Json* inner = Config(described.at("config")).find("activation");
      if (inner != nullptr) next = *inner;
    } else if (class_name != "NoOpActivation") {
      break;
    }
    activation = std::move(next);
  }
  settings["activation"] = activation;
  return plain;
}

/// Wrappers of the TensorFlow model optimization toolkit: what they pruned or clustered is in the
/// kernel, and float models do without the rest.
Results import_stripped(const Layer& layer) {
  const Inner inner = inner_of(layer);
  const Json plain = without_quantizers(inner.spec);
  return layer.host.call_inner(layer, plain, inner.part, layer.inputs);
}

Results import_nothing(const Layer& layer) { return layer.input(); }

/// Code in a file is never run. A function that Keras names by module is an operation.
Results import_lambda(const Layer& layer) {
  const Json& function = layer.config.at("function");
  const std::string module = function.is_object() ? Config(function).string("module", "")
                                                  : layer.config.string("module", "");
  const Json* name = function.is_object() ? Config(function).find("config") : &function;
  const bool known_module = module.starts_with("keras") || module.starts_with("tensorflow") ||
                            module.starts_with("tf_keras");
  if (name == nullptr || !name->is_string() || !known_module) {
    fail(ErrorKind::unsupported,
         "it holds Python code, which Smelt does not run; replace it by layers or keras.ops");
  }
  Layer op = layer;
  op.class_name = "tf." + name->get<std::string>();
  if (find_op(op.class_name) == nullptr) {
    fail(ErrorKind::unsupported, "function {} of {} is not supported", name->get<std::string>(),
         module);
  }
  Json empty = Json::object();
  const Json* settings = layer.config.find("arguments");
  op.config = Config(settings == nullptr ? empty : *settings);
  return find_op(op.class_name)->import(op);
}

constexpr TableRow kRows[] = {
    {"TimeDistributed", import_time_distributed, true, true},
    {"PruneLowMagnitude", import_stripped, true, true},
    {"ClusterWeights", import_stripped, true, true},
    {"QuantizeAnnotate", import_stripped, true, true},
    {"QuantizeWrapper", import_stripped, true, true},
    {"QuantizeWrapperV2", import_stripped, true, true},
    {"QuantizeLayer", import_nothing, true},
    {"Lambda", import_lambda, true, true},
};

/// The layer as an op that only its name tells; its result is taken to have the shape of its input.
Results import_custom(const Layer& layer) {
  constexpr size_t kMaxWeights = 64;
  if (layer.inputs.empty()) fail(ErrorKind::unsupported, "it has no inputs");
  std::vector<TensorId> inputs = layer.inputs;
  for (size_t i = 0; i < kMaxWeights; ++i) {
    WeightQuery query{.roles = {"weight"}, .position = i};
    const auto shape = layer.host.weight_shape(layer, query);
    if (!shape) break;
    query.shape = *shape;
    std::vector<int32_t> dims;
    for (const int64_t dim : *shape) {
      dims.push_back(static_cast<int32_t>(as_integer(Json(dim), 0, kMaxSize, "a weight's axis")));
    }
    inputs.push_back(layer.host.weight(layer, query, [&](std::span<const float> values) {
      return Tensor{.name = fmt::format("{}/weight{}", layer.graph.origin(), i),
                    .shape = Shape(dims),
                    .data = Buffer::of(values),
                    .is_constant = true};
    }));
  }
  const Shape shape = layer.graph.shape(layer.inputs[0]);
  return layer.graph.op(OpType::custom, std::move(inputs),
                        CustomAttributes{.code = layer.class_name}, shape);
}

}  // namespace

std::span<const TableRow> wrapper_layers() { return kRows; }

const TableRow* custom_layer() {
  static constexpr TableRow kRow{"", import_custom};
  return &kRow;
}

}  // namespace smelt::keras
