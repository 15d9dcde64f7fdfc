#include <map>

#include "smelt/formats/keras/recurrent.h"

namespace smelt::keras {
namespace {

template <RecurrentCell kKind>
Results import_layer(const Layer& layer) {
  const SequenceOptions options(layer.config);
  const SequenceInput input = sequence_input(layer, options);
  const Shape& x = layer.graph.shape(input.x);
  if (x.rank() != 3) fail(ErrorKind::bad_file, "its input {} is no sequence", to_string(x));
  const Cell cell = read_cell(layer.part({.key = "cell", .name = ""}), kKind, x[2]);
  return recurrent_results(layer, input, options, run_cell(layer, cell, input, options));
}

RecurrentCell cell_kind(const std::string& class_name) {
  if (class_name == "LSTMCell") return RecurrentCell::lstm;
  if (class_name == "GRUCell") return RecurrentCell::gru;
  if (class_name == "SimpleRNNCell") return RecurrentCell::simple;
  fail(ErrorKind::unsupported, "the cell {} is not supported", class_name);
}

/// A cell inside of the layer RNN, and where its weights are.
struct InnerCell {
  const Json* spec;
  Part part;
};

/// Keras 3 files the cells of a stack under their class and a number.
std::string stacked_key(const std::string& class_name, std::map<std::string, int>& seen) {
  const std::string base = class_name == "SimpleRNNCell" ? "simple_rnn_cell"
                           : class_name == "GRUCell"     ? "gru_cell"
                                                         : "lstm_cell";
  const int number = seen[base]++;
  return "cell/cells/" + (number == 0 ? base : fmt::format("{}_{}", base, number));
}

std::vector<InnerCell> inner_cells(const Json& cell) {
  const Config described(cell);
  if (described.string("class_name") != "StackedRNNCells") {
    return {{&cell, {.key = "cell", .name = ""}}};
  }
  std::vector<InnerCell> cells;
  std::map<std::string, int> seen;
  size_t first = 0;
  const Config settings(described.at("config"));
  for (const Json& inner : as_array(settings.at("cells"), "\"cells\"")) {
    const Config one(inner);
    const std::string name = Config(one.at("config")).string("name", "");
    cells.push_back(
        {&inner,
         {.key = stacked_key(one.string("class_name"), seen), .name = name, .first = first}});
    first += count_weights(inner);
  }
  if (cells.empty()) fail(ErrorKind::bad_file, "a stack of no cells");
  return cells;
}

/// RNN(cell): a stack of cells is layers behind each other, as a skipped step leaves all of them
/// as they are.
Results import_rnn(const Layer& layer) {
  const SequenceOptions options(layer.config);
  const SequenceInput input = sequence_input(layer, options);
  const std::vector<InnerCell> cells = inner_cells(layer.config.at("cell"));
  SequenceInput next = input;
  if (options.go_backwards && cells.size() > 1) {
    next.x = reversed_in_time(layer, next.x);
    if (next.mask) next.mask = reversed_in_time(layer, next.mask);
  }
  std::vector<TensorId> y, states;
  size_t used = 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    const Config described(*cells[i].spec);
    Layer inner = layer.part(cells[i].part);
    inner.config = Config(described.at("config"));
    const Shape x = layer.graph.shape(next.x);
    if (x.rank() != 3) fail(ErrorKind::bad_file, "its input {} is no sequence", to_string(x));
    const Cell cell = read_cell(inner, cell_kind(described.string("class_name")), x[2]);
    SequenceOptions here = options;
    here.go_backwards = options.go_backwards && cells.size() == 1;
    here.return_sequences = options.return_sequences || i + 1 < cells.size();
    next.states.clear();
    if (!input.states.empty()) {
      const size_t count = cell.attributes.states();
      if (used + count > input.states.size())
        fail(ErrorKind::bad_file, "initial states are missing");
      const auto first = input.states.begin() + static_cast<ptrdiff_t>(used);
      next.states.assign(first, first + static_cast<ptrdiff_t>(count));
      used += count;
    }
    y = run_cell(layer, cell, next, here);
    next.x = y[0];
    states.insert(states.end(), y.begin() + 1, y.end());
  }
  y.resize(1);
  y.insert(y.end(), states.begin(), states.end());
  return recurrent_results(layer, input, options, std::move(y));
}

TensorId merged(const Layer& layer, const std::string& mode, TensorId x, TensorId y) {
  GraphWriter& graph = layer.graph;
  if (mode == "sum") return graph.binary(OpType::add, x, y);
  if (mode == "mul") return graph.binary(OpType::mul, x, y);
  if (mode == "ave") return graph.binary(OpType::mul, graph.binary(OpType::add, x, y), 0.5f);
  if (mode != "concat") fail(ErrorKind::unsupported, "merge_mode \"{}\" is not supported", mode);
  Shape shape = graph.shape(x);
  const int last = shape.rank() - 1;
  if (graph.shape(y).rank() != shape.rank()) {
    fail(ErrorKind::bad_file, "its directions give shapes {} and {}", to_string(shape),
         to_string(graph.shape(y)));
  }
  const int64_t width = int64_t{shape[last]} + graph.shape(y)[last];
  if (width > kMaxSize) fail(ErrorKind::bad_file, "its outputs are too wide");
  shape[last] = static_cast<int32_t>(width);
  return graph.op(OpType::concatenation, {x, y}, ConcatenationAttributes{.axis = last}, shape);
}

/// The layer of one direction with its settings as Bidirectional changes them.
Results run_direction(const Layer& layer, Json spec, const char* direction, size_t first,
                      bool backwards, std::span<const TensorId> states) {
  const std::string class_name = Config(spec).string("class_name");
  const TableRow* row = find_layer(class_name);
  const bool known = row != nullptr && Config(spec).has("config") &&
                     Config(Config(spec).at("config")).has("return_sequences");
  if (!known || class_name == "Bidirectional") {
    fail(ErrorKind::unsupported, "the layer inside, {}, is not supported", class_name);
  }
  if (!Config(spec).at("config").is_object()) fail(ErrorKind::bad_file, "\"config\" is no object");
  Json& settings = spec["config"];
  settings["go_backwards"] = backwards;
  settings["zero_output_for_mask"] = Config(settings).boolean("return_sequences", false);
  std::string name = Config(settings).string("name", "");
  if (!name.starts_with(direction)) name = fmt::format("{}_{}", direction, name);
  Layer inner =
      layer.part({.key = fmt::format("{}_layer", direction), .name = name, .first = first});
  inner.class_name = class_name;
  inner.config = Config(settings);
  inner.inputs = {layer.inputs.at(0)};
  inner.inputs.insert(inner.inputs.end(), states.begin(), states.end());
  return row->import(inner);
}

Results import_bidirectional(const Layer& layer) {
  const Json& forward_spec = layer.config.at("layer");
  const Config settings(Config(forward_spec).at("config"));
  const SequenceOptions options(settings);
  const bool backwards = options.go_backwards;
  const Json* own = layer.config.find("backward_layer");
  if (layer.inputs.empty()) fail(ErrorKind::bad_file, "it has no input");
  const std::vector<TensorId> given = layer.keyword_tensors("initial_state");
  std::vector<TensorId> states(layer.inputs.begin() + 1, layer.inputs.end());
  states.insert(states.end(), given.begin(), given.end());
  const auto half = std::span<const TensorId>(states).first(states.size() / 2);
  const auto rest = std::span<const TensorId>(states).subspan(half.size());
  Results forward = run_direction(layer, forward_spec, "forward", 0, backwards, half);
  Results backward = run_direction(layer, own ? *own : forward_spec, "backward",
                                   count_weights(forward_spec), !backwards, rest);
  TensorId& y = forward.values.at(0);
  TensorId& z = backward.values.at(0);
  if (options.return_sequences) z = reversed_in_time(layer, z);
  std::vector<TensorId> values;
  if (layer.config.has("merge_mode")) {
    values = {merged(layer, layer.config.string("merge_mode"), y, z)};
  } else {
    values = {y, z};
  }
  values.insert(values.end(), forward.values.begin() + 1, forward.values.end());
  values.insert(values.end(), backward.values.begin() + 1, backward.values.end());
  Results results(std::move(values));
  results.mask = options.return_sequences ? layer.mask() : TensorId::none;
  results.masked = layer.config.has("merge_mode") ? 1 : 2;
  return results;
}

/// Steps of x [N,T,...,F] of which all values are `mask_value` become zeros, and are skipped by
/// layers that look at masks.
Results import_masking(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const TensorId x = layer.input();
  const Shape shape = graph.shape(x);
  if (shape.rank() < 2) fail(ErrorKind::bad_file, "its input {} has no features", to_string(shape));
  const TensorId value = graph.scalar(layer.config.number("mask_value", 0));
  const TensorId differs =
      graph.op(OpType::not_equal, {x, value}, NoAttributes{}, shape, DataType::boolean);
  const CastAttributes as_number{.in_type = DataType::boolean, .out_type = DataType::float32};
  const TensorId number = graph.op(OpType::cast, {differs}, as_number, shape);
  Shape steps = shape;
  steps[shape.rank() - 1] = 1;
  const TensorId any =
      graph.op(OpType::reduce_max, {number, graph.ints("axis", {shape.rank() - 1}, {1})},
               ReduceAttributes{.keep_dims = true}, steps);
  Results results(graph.binary(OpType::mul, x, any));
  std::vector<int32_t> dims(steps.dims().begin(), steps.dims().end() - 1);
  const Shape flat(dims);
  const TensorId squeezed =
      graph.op(OpType::reshape, {any, graph.ints("shape", dims, {flat.rank()})},
               ReshapeAttributes{.new_shape = dims}, flat);
  results.mask = graph.op(OpType::not_equal, {squeezed, graph.scalar(0)}, NoAttributes{}, flat,
                          DataType::boolean);
  return results;
}

constexpr TableRow kRows[] = {
    {"Masking", import_masking},
    {"LSTM", import_layer<RecurrentCell::lstm>},
    {"GRU", import_layer<RecurrentCell::gru>},
    {"SimpleRNN", import_layer<RecurrentCell::simple>},
    {"CuDNNLSTM", import_layer<RecurrentCell::lstm>},
    {"CuDNNGRU", import_layer<RecurrentCell::gru>},
    {"RNN", import_rnn},
    {"Bidirectional", import_bidirectional},
};

}  // namespace

std::span<const TableRow> recurrent_layers() { return kRows; }

}  // namespace smelt::keras
