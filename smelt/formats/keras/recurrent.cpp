#include "smelt/formats/keras/recurrent.h"

#include <algorithm>

namespace smelt::keras {
namespace {

struct NamedActivation {
  std::string_view name;
  CellActivation activation;
};
constexpr NamedActivation kActivations[] = {
    {"linear", CellActivation::linear},
    {"tanh", CellActivation::tanh},
    {"sigmoid", CellActivation::sigmoid},
    {"hard_sigmoid", CellActivation::hard_sigmoid},
    {"relu", CellActivation::relu},
    {"relu6", CellActivation::relu6},
    {"leaky_relu", CellActivation::leaky_relu},
    {"elu", CellActivation::elu},
    {"selu", CellActivation::selu},
    {"softplus", CellActivation::softplus},
    {"softsign", CellActivation::softsign},
    {"exponential", CellActivation::exponential},
    {"swish", CellActivation::swish},
    {"silu", CellActivation::swish},
    {"gelu", CellActivation::gelu},
    {"hard_swish", CellActivation::hard_swish},
    {"hard_silu", CellActivation::hard_swish},
};

/// "tanh", or the function as newer versions write it.
std::string activation_name(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  const Config described(value);
  const Json* config = described.find("config");
  if (config != nullptr && config->is_string()) return config->get<std::string>();
  return described.string("class_name");
}

CellActivation read_activation(const Layer& layer, std::string_view key,
                               std::string_view fallback) {
  const Json* value = layer.config.find(key);
  const std::string name = value == nullptr ? std::string(fallback) : activation_name(*value);
  const auto* found = std::ranges::find(kActivations, name, &NamedActivation::name);
  if (found == std::end(kActivations)) {
    fail(ErrorKind::unsupported, "{} \"{}\" is not supported in a recurrent layer", key, name);
  }
  const bool hard = found->activation == CellActivation::hard_sigmoid;
  return hard && layer.keras_version >= 3 ? CellActivation::hard_sigmoid_6 : found->activation;
}

TensorId make_weight(const Layer& layer, const WeightQuery& query, Shape shape,
                     const std::function<std::vector<float>(std::span<const float>)>& values) {
  return layer.host.weight(layer, query, [&](std::span<const float> stored) {
    return Tensor::constant(fmt::format("{}/{}", layer.graph.origin(), query.roles.front()), shape,
                            values(stored));
  });
}

/// Kernels of cuDNN's order, [rows, gates * units] in the file, which per gate hold the matrix
/// [units, rows] in row-major order.
TensorId cudnn_kernel(const Layer& layer, const char* role, size_t position, int32_t rows,
                      int32_t gates, int32_t units) {
  const WeightQuery query{{role}, position, {rows, int64_t{gates} * units}};
  return make_weight(layer, query, {gates * units, rows}, [=](std::span<const float> from) {
    const auto r = static_cast<size_t>(rows), u = static_cast<size_t>(units);
    const size_t columns = u * static_cast<size_t>(gates);
    std::vector<float> to(from.size());
    for (size_t i = 0; i < to.size(); ++i) {
      const size_t gate = i / (r * u), cell = i % (r * u);
      to[i] = from[cell / u * columns + gate * u + cell % u];
    }
    return to;
  });
}

/// Kernels [rows, gates * units] in the file, gates in the order of RECURRENT.
TensorId plain_kernel(const Layer& layer, const char* role, size_t position, int32_t rows,
                      int32_t columns) {
  return transposed_weight(layer, {role}, position, {rows, columns}, {columns, rows});
}

/// One of two biases that lie behind each other.
TensorId half_bias(const Layer& layer, const WeightQuery& query, int32_t size, bool second) {
  WeightQuery named = query;
  if (second) named.roles.insert(named.roles.begin(), "recurrent_bias");
  return make_weight(layer, named, {size}, [=](std::span<const float> from) {
    const auto half = from.subspan(second ? from.size() / 2 : 0, from.size() / 2);
    return std::vector<float>(half.begin(), half.end());
  });
}

TensorId summed_bias(const Layer& layer, const WeightQuery& query, int32_t size) {
  return make_weight(layer, query, {size}, [](std::span<const float> from) {
    std::vector<float> sum(from.begin(), from.begin() + static_cast<ptrdiff_t>(from.size() / 2));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += from[sum.size() + i];
    return sum;
  });
}

/// A variable of zeros that a stateful layer keeps a state in.
TensorId state_variable(const Layer& layer, const char* role, Shape shape) {
  Tensor tensor{.name = fmt::format("{}/{}", layer.graph.origin(), role),
                .shape = std::move(shape)};
  tensor.is_variable = true;
  return layer.graph.constant(std::move(tensor));
}

}  // namespace

Cell read_cell(const Layer& layer, RecurrentCell kind, int32_t inputs) {
  constexpr int32_t kMaxUnits = 1 << 24;
  Cell cell;
  RecurrentAttributes& a = cell.attributes;
  a.cell = kind;
  a.activation = read_activation(layer, "activation", "tanh");
  const bool simple = kind == RecurrentCell::simple;
  if (!simple) a.recurrent_activation = read_activation(layer, "recurrent_activation", "sigmoid");
  a.dropout = layer.config.number("dropout", 0);
  a.recurrent_dropout = layer.config.number("recurrent_dropout", 0);
  cell.units = layer.config.integer("units", 1, kMaxUnits);
  const int32_t columns = a.gates() * cell.units;
  const bool use_bias = layer.config.boolean("use_bias", true);
  WeightQuery bias{{"bias"}, 2, {columns}};
  bool cudnn = false;
  if (use_bias && !simple) {
    // The layout of the file is told by the bias, as Keras does.
    const auto stored = layer.host.weight_shape(layer, bias).value_or(bias.shape);
    const bool two = stored.size() == 2 && stored[0] == 2 && stored[1] == columns;
    cudnn = stored.size() == 1 && stored[0] == int64_t{2} * columns;
    if (cudnn || two) bias.shape = stored;
    a.reset_after = kind == RecurrentCell::gru && (cudnn || two);
  } else if (kind == RecurrentCell::gru) {
    a.reset_after = layer.config.boolean("reset_after", layer.keras_version >= 3);
  }
  if (cudnn) {
    cell.kernel = cudnn_kernel(layer, "kernel", 0, inputs, a.gates(), cell.units);
    cell.recurrent = cudnn_kernel(layer, "recurrent_kernel", 1, cell.units, a.gates(), cell.units);
  } else {
    cell.kernel = plain_kernel(layer, "kernel", 0, inputs, columns);
    cell.recurrent = plain_kernel(layer, "recurrent_kernel", 1, cell.units, columns);
  }
  if (!use_bias) return cell;
  if (a.reset_after) {
    cell.bias = half_bias(layer, bias, columns, false);
    cell.recurrent_bias = half_bias(layer, bias, columns, true);
  } else {
    cell.bias = cudnn ? summed_bias(layer, bias, columns)
                      : plain_weight(layer, {"bias"}, 2, {columns}, {columns});
  }
  return cell;
}

SequenceOptions::SequenceOptions(const Config& config)
    : return_sequences(config.boolean("return_sequences", false)),
      return_state(config.boolean("return_state", false)),
      go_backwards(config.boolean("go_backwards", false)),
      stateful(config.boolean("stateful", false)),
      unroll(config.boolean("unroll", false)),
      time_major(config.boolean("time_major", false)),
      zero_output_for_mask(config.boolean("zero_output_for_mask", false)) {}

RecurrentAttributes SequenceOptions::with(RecurrentAttributes attributes) const {
  attributes.return_sequences = return_sequences;
  attributes.go_backwards = go_backwards;
  attributes.stateful = stateful;
  attributes.unroll = unroll;
  attributes.zero_output_for_mask = zero_output_for_mask;
  return attributes;
}

SequenceInput sequence_input(const Layer& layer, const SequenceOptions& options) {
  if (layer.inputs.empty()) fail(ErrorKind::bad_file, "it has no input");
  if (layer.config.has("num_constants") || !layer.keyword_tensors("constants").empty()) {
    fail(ErrorKind::unsupported, "constants of a recurrent layer are not supported");
  }
  SequenceInput input{layer.inputs[0], layer.mask(), {}};
  if (options.time_major) {
    input.x = transposed(layer, input.x, {1, 0, 2});
    if (input.mask) input.mask = transposed(layer, input.mask, {1, 0});
  }
  const Shape& x = layer.graph.shape(input.x);
  if (x.rank() < 3) {
    fail(ErrorKind::bad_file, "its input {} is no sequence [batch, time, features]", to_string(x));
  }
  if (input.mask) {
    const Shape& mask = layer.graph.shape(input.mask);
    if (mask.rank() == 3 && mask.back() == 1) {
      const Shape flat{mask[0], mask[1]};
      const ReshapeAttributes attributes{{{mask[0], mask[1]}}};
      input.mask =
          layer.graph.op(OpType::reshape, {input.mask, layer.graph.ints("shape", flat.dims(), {2})},
                         attributes, flat, layer.graph.type(input.mask));
    } else if (mask != Shape{x[0], x[1]}) {
      fail(ErrorKind::bad_file, "its mask {} does not fit its input {}", to_string(mask),
           to_string(x));
    }
  }
  input.states.assign(layer.inputs.begin() + 1, layer.inputs.end());
  for (const TensorId state : layer.keyword_tensors("initial_state")) {
    input.states.push_back(state);
  }
  return input;
}

std::vector<TensorId> run_cell(const Layer& layer, const Cell& cell, const SequenceInput& input,
                               const SequenceOptions& options) {
  const RecurrentAttributes attributes = options.with(cell.attributes);
  const Shape x = layer.graph.shape(input.x);
  const Shape state{x[0], cell.units};
  const size_t states = attributes.states();
  if (!input.states.empty() && input.states.size() != states) {
    fail(ErrorKind::bad_file, "it has {} initial states; {} are needed", input.states.size(),
         states);
  }
  std::vector<TensorId> operands{input.x,   cell.kernel,         cell.recurrent,
                                 cell.bias, cell.recurrent_bias, input.mask};
  for (size_t i = 0; i < states; ++i) {
    TensorId initial = input.states.empty() ? TensorId::none : input.states[i];
    if (options.stateful) initial = state_variable(layer, i == 0 ? "h" : "c", state);
    if (initial && layer.graph.shape(initial) != state) {
      fail(ErrorKind::bad_file, "an initial state has shape {}, expected {}",
           to_string(layer.graph.shape(initial)), to_string(state));
    }
    operands.push_back(initial);
  }
  const Shape y = options.return_sequences ? Shape{x[0], x[1], cell.units} : state;
  std::vector<Shape> shapes{y};
  if (options.return_state) shapes.insert(shapes.end(), states, state);
  const std::vector<DataType> types(shapes.size(), DataType::float32);
  return layer.graph.results(OpType::recurrent, std::move(operands), attributes, shapes, types);
}

Results recurrent_results(const Layer& layer, const SequenceInput& input,
                          const SequenceOptions& options, std::vector<TensorId> values) {
  if (options.time_major && options.return_sequences) {
    values[0] = transposed(layer, values[0], {1, 0, 2});
  }
  if (!options.return_state) values.resize(1);
  Results results(std::move(values));
  results.mask = options.return_sequences ? input.mask : TensorId::none;
  results.masked = 1;
  return results;
}

TensorId reversed_in_time(const Layer& layer, TensorId x) {
  const Shape shape = layer.graph.shape(x);
  return layer.graph.op(OpType::reverse_v2, {x, layer.graph.ints("axis", {1}, {1})}, NoAttributes{},
                        shape, layer.graph.type(x));
}

size_t count_weights(const Json& spec) {
  const Config config(Config(spec).at("config"));
  if (const Json* cell = config.find("cell")) return count_weights(*cell);
  if (const Json* cells = config.find("cells")) {
    size_t count = 0;
    for (const Json& cell : as_array(*cells, "\"cells\"")) count += count_weights(cell);
    return count;
  }
  return config.boolean("use_bias", true) ? 3 : 2;
}

}  // namespace smelt::keras
