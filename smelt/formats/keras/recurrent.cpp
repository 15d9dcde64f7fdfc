#include "smelt/formats/keras/recurrent.h"

namespace smelt::keras {
namespace {

/// A variable of zeros that a stateful layer keeps a state in.
TensorId state_variable(const Layer& layer, const char* role, Shape shape) {
  Tensor tensor{.name = fmt::format("{}/{}", layer.graph.origin(), role),
                .shape = std::move(shape)};
  tensor.is_variable = true;
  return layer.graph.constant(std::move(tensor));
}

}  // namespace

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
