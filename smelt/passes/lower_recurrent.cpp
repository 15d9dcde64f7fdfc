// Pattern   y, h, c = RECURRENT(x, weights, mask, states), see RecurrentAttributes
// Result    the form of the layer in TFLite's builtin ops that the caller asks for
// Before    weights are constant float32

#include "smelt/passes/lower_recurrent.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/passes/recurrent_forms.h"

namespace smelt {
namespace {

bool unrolls(const RecurrentLayer& layer, RecurrentForm form) {
  if (form != RecurrentForm::fused) return form != RecurrentForm::while_op;
  if (layer.open_time) return false;
  const auto steps = static_cast<size_t>(layer.time);
  return layer.attributes.unroll || (steps * ops_per_step(layer) <= kMaxUnrolledOps &&
                                     steps * layer.recurrent.size_bytes() <= kMaxUnrolledBytes);
}

void check_form(const RecurrentLayer& layer, RecurrentForm form, const std::string& where) {
  constexpr size_t kMostOps = 100'000;
  if (layer.open_time) {
    fail(ErrorKind::unsupported,
         "{}: a sequence of open length cannot be unrolled; state its length with --input-shape{}",
         where, form == RecurrentForm::unroll ? ", or use --rnn while" : "");
  }
  if (static_cast<size_t>(layer.time) > kMostOps / ops_per_step(layer)) {
    fail(ErrorKind::unsupported, "{}: {} steps are too many to unroll; {}", where, layer.time,
         form == RecurrentForm::unroll ? "use --rnn while"
                                       : "shorten the sequence, or take an LSTM with tanh and "
                                         "sigmoid, which stays one op");
  }
}

/// Makes the op's result i the tensor values[i] where it is read; outputs of the graph stay the
/// tensors that they are, and take the value's place.
void put_in_place(OpEmitter& emit, TensorId result, RecurrentValues& values, size_t i) {
  Graph& graph = emit.graph();
  TensorId value = values[i];
  if (!graph.is_output(result)) return graph.replace_uses(result, value);
  if (graph.is_output(value) || !graph.producer(value)) {
    // One value as two outputs.
    const Shape shape = emit.shape(value);
    value = emit.op(OpType::reshape, {value, emit.ints(shape.dims())},
                    ReshapeAttributes{.new_shape = shape.dims()}, shape);
  }
  const OpId producer = graph.producer(value);
  const std::vector<TensorId>& outputs = graph.op(producer).outputs;
  const auto position = std::ranges::find(outputs, value) - outputs.begin();
  graph.replace_uses(value, result);
  graph.set_op_output(producer, static_cast<size_t>(position), result);
  std::ranges::replace(values, value, result);
}

/// Resource variables in place of the states of a stateful layer.
class StateVariables {
 public:
  StateVariables(Model& model, OpEmitter& emit, const RecurrentLayer& layer)
      : emit_(emit), shape_(layer.state_shape()) {
    Graph init;
    init.name = emit.layer() + "/reset";
    OpEmitter inner(init, init.name, false);
    for (size_t i = 0; i < layer.attributes.states(); ++i) {
      const std::string name = emit.layer() + (i == 0 ? "/h" : "/c");
      const std::vector<float> zeros(static_cast<size_t>(shape_.elements()));
      const TensorId handle = make_handle(inner, name);
      assign(inner, handle, inner.constant("zeros", shape_, zeros));
      handles_.push_back(make_handle(emit, name));
    }
    emit.place({.type = OpType::call_once,
                .attributes = CallOnceAttributes{static_cast<int32_t>(model.graphs.size())}});
    graph_ = std::move(init);
  }

  Graph take_graph() { return std::move(graph_); }
  TensorId read(size_t i) {
    return emit_.op(OpType::read_variable, {handles_[i]}, NoAttributes{}, shape_);
  }
  void write(size_t i, TensorId value) { assign(emit_, handles_[i], value); }

 private:
  static TensorId make_handle(OpEmitter& emit, const std::string& name) {
    return emit.op(OpType::var_handle, {}, VarHandleAttributes{.shared_name = name}, {},
                   DataType::resource);
  }
  static void assign(OpEmitter& emit, TensorId handle, TensorId value) {
    emit.place(
        {.type = OpType::assign_variable, .inputs = {handle, value}, .attributes = NoAttributes{}});
  }

  OpEmitter& emit_;
  Shape shape_;
  std::vector<TensorId> handles_;
  Graph graph_;
};

RecurrentValues lower_states(Model& model, OpEmitter& emit, const RecurrentLayer& layer,
                             bool unroll) {
  const auto form = [&](const CellState& initial) {
    if (unroll) return emit_unrolled(emit, layer, initial);
    std::vector<Graph> graphs;
    const auto first = static_cast<int32_t>(model.graphs.size());
    RecurrentValues values = emit_loop(emit, layer, initial, graphs, first);
    for (Graph& graph : graphs) model.graphs.push_back(std::move(graph));
    return values;
  };
  const size_t states = layer.attributes.states();
  if (!layer.attributes.stateful) {
    return form({layer.initial(0), states > 1 ? layer.initial(1) : TensorId::none});
  }
  StateVariables variables(model, emit, layer);
  model.graphs.push_back(variables.take_graph());
  CellState initial{variables.read(0), TensorId::none};
  if (states > 1) initial.c = variables.read(1);
  RecurrentValues values = form(initial);
  for (size_t i = 0; i < states; ++i) variables.write(i, values[i + 1]);
  return values;
}

void lower(Model& model, size_t index, OpId id, RecurrentForm form) {
  const RecurrentLayer layer(model.graphs[index], id);
  const std::string where = describe(model.graphs[index], id);
  // Graphs that are appended move the others, so that the emitter works on this one aside.
  Graph graph = std::move(model.graphs[index]);
  const std::string name =
      layer.op.origin.empty() ? graph.tensor(layer.op.output()).name : layer.op.origin;
  OpEmitter emit(graph, name, layer.open_batch, id);
  RecurrentValues values;
  const bool may_fuse = form == RecurrentForm::fused || form == RecurrentForm::loopless;
  if (may_fuse && can_fuse(graph, layer)) {
    values = emit_fused(emit, layer);
  } else {
    const bool unroll = unrolls(layer, form);
    if (unroll) check_form(layer, form, where);
    values = lower_states(model, emit, layer, unroll);
  }
  for (size_t i = 0; i < layer.op.outputs.size(); ++i) {
    if (layer.result(graph, i)) graph.set_op_output(id, i, TensorId::none);
  }
  for (size_t i = 0; i < layer.op.outputs.size(); ++i) {
    if (layer.result(graph, i)) put_in_place(emit, layer.op.outputs[i], values, i);
  }
  graph.erase(id);
  model.graphs[index] = std::move(graph);
}

}  // namespace

std::string_view name(RecurrentForm form) {
  switch (form) {
    case RecurrentForm::fused:
      return "fused";
    case RecurrentForm::unroll:
      return "unroll";
    case RecurrentForm::loopless:
      return "loopless";
    case RecurrentForm::while_op:
      break;
  }
  return "while";
}

int lower_recurrent(Model& model, RecurrentForm form) {
  int rewrites = 0;
  for (size_t i = 0; i < model.graphs.size(); ++i) {
    const int before = rewrites;
    for (const OpId id : model.graphs[i].ops()) {
      if (model.graphs[i].op(id).type != OpType::recurrent) continue;
      lower(model, i, id, form);
      ++rewrites;
    }
    if (rewrites > before) model.graphs[i].erase_unused_tensors();
  }
  return rewrites;
}

}  // namespace smelt
