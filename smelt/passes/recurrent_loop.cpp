#include "smelt/passes/recurrent_forms.h"

namespace smelt {
namespace {

/// What the loop carries, in the order of its operands.
enum class Carried { step, end, h, c, y, sequence, mask, product };

struct Variable {
  Carried what;
  TensorId start;   ///< in the graph around the loop
  TensorId before;  ///< in the body: operand ...
  TensorId after;   ///< ... and result
};

/// Zeros of shape [N,units] or [N,T,units] that follow the size of the products [N,T,rows].
TensorId zeros_like_product(OpEmitter& emit, const RecurrentLayer& layer, TensorId product,
                            bool sequence) {
  const int32_t others = sequence ? 3 : 1;
  const std::vector<int32_t> end{0, 1, layer.units};
  const StridedSliceAttributes attributes{
      .begin_mask = 7, .end_mask = others, .shrink_axis_mask = sequence ? 0 : 2};
  const Shape shape = sequence ? Shape{layer.batch, layer.time, layer.units} : layer.state_shape();
  const TensorId part = emit.op(
      OpType::strided_slice, {product, emit.ints({0, 0, 0}), emit.ints(end), emit.ints({1, 1, 1})},
      attributes, shape);
  return emit.unary(OpType::zeros_like, part);
}

/// The number of steps: a constant, or read from x where its time axis is open.
TensorId step_count(OpEmitter& emit, const RecurrentLayer& layer, TensorId x) {
  if (!layer.open_time) return emit.int_scalar(layer.time);
  const ShapeOfAttributes out{.out_type = DataType::int32};
  const TensorId shape = emit.op(OpType::shape, {x}, out, {3}, DataType::int32);
  const StridedSliceAttributes one{.shrink_axis_mask = 1};
  return emit.op(OpType::strided_slice, {shape, emit.ints({1}), emit.ints({2}), emit.ints({1})},
                 one, {}, DataType::int32);
}

TensorId reversed(OpEmitter& emit, TensorId x) {
  const Shape shape = emit.shape(x);
  const DataType type = emit.graph().tensor(x).type;
  return emit.op(OpType::reverse_v2, {x, emit.ints({1})}, NoAttributes{}, shape, type);
}

/// An operand of one of the loop's graphs: a tensor like the one that it starts as.
TensorId operand(OpEmitter& inner, const OpEmitter& outer, const Variable& variable) {
  const Tensor& start = outer.tensor(variable.start);
  return inner.add({.name = "carried",
                    .type = start.type,
                    .shape = start.shape,
                    .shape_signature = start.shape_signature});
}

class Loop {
 public:
  Loop(OpEmitter& outer, const RecurrentLayer& layer) : outer_(outer), layer_(layer) {}

  RecurrentValues emit(const CellState& initial, std::vector<Graph>& graphs, int32_t first_graph) {
    start(initial);
    graphs.push_back(condition());
    graphs.push_back(body());
    std::vector<TensorId> inputs, outputs;
    for (const Variable& variable : variables_) inputs.push_back(variable.start);
    Graph& graph = outer_.graph();
    for (const TensorId id : inputs) {
      const Tensor& from = graph.tensor(id);
      outputs.push_back(outer_.add({.name = "while",
                                    .type = from.type,
                                    .shape = from.shape,
                                    .shape_signature = from.shape_signature}));
    }
    outer_.place({.type = OpType::while_,
                  .inputs = inputs,
                  .outputs = outputs,
                  .attributes = WhileAttributes{first_graph, first_graph + 1}});
    const auto value = [&](Carried what) {
      const Variable* found = find(what);
      return found ? outputs[static_cast<size_t>(found - variables_.data())] : TensorId::none;
    };
    const bool own_y = find(Carried::y) != nullptr;
    const TensorId last = value(own_y ? Carried::y : Carried::h);
    return {find(Carried::sequence) ? value(Carried::sequence) : last, value(Carried::h),
            value(Carried::c)};
  }

 private:
  const Variable* find(Carried what) const {
    for (const Variable& variable : variables_) {
      if (variable.what == what) return &variable;
    }
    return nullptr;
  }
  TensorId before(Carried what) const {
    const Variable* found = find(what);
    return found ? found->before : TensorId::none;
  }
  void set_after(Carried what, TensorId id) {
    for (Variable& variable : variables_) {
      if (variable.what == what) variable.after = id;
    }
  }

  void start(const CellState& initial) {
    const RecurrentAttributes& a = layer_.attributes;
    TensorId x = layer_.op.input(0);
    const TensorId count = step_count(outer_, layer_, x);
    if (a.go_backwards) x = reversed(outer_, x);
    const auto products = emit_input_products(outer_, layer_, x);
    const auto zeros = [&](bool sequence) {
      TensorId& id = sequence ? sequence_zeros_ : zeros_;
      if (!id) id = zeros_like_product(outer_, layer_, products[0], sequence);
      return id;
    };
    add(Carried::step, outer_.int_scalar(0));
    if (layer_.open_time) add(Carried::end, count);
    add(Carried::h, initial.h ? initial.h : zeros(false));
    if (a.cell == RecurrentCell::lstm) add(Carried::c, initial.c ? initial.c : zeros(false));
    if (layer_.mask()) {
      // Skipped steps repeat the output, which is the state unless the layer starts with one.
      const bool own_y = initial.h || a.zero_output_for_mask;
      if (own_y) add(Carried::y, zeros(false));
      add(Carried::mask, mask_numbers());
    }
    if (a.return_sequences) add(Carried::sequence, zeros(true));
    for (const TensorId product : products) add(Carried::product, product);
  }

  /// The mask as numbers [N,T,1], in the order of the steps: TFLite Micro gathers no booleans.
  TensorId mask_numbers() {
    const CastAttributes cast{.in_type = DataType::boolean, .out_type = DataType::float32};
    const Shape steps = outer_.shape(layer_.mask());
    const TensorId numbers = outer_.op(OpType::cast, {layer_.mask()}, cast, steps);
    const TensorId column = outer_.op(OpType::expand_dims, {numbers, outer_.ints({2})},
                                      NoAttributes{}, {steps[0], steps[1], 1});
    return layer_.attributes.go_backwards ? reversed(outer_, column) : column;
  }

  void add(Carried what, TensorId start) { variables_.push_back({.what = what, .start = start}); }

  OpEmitter begin_graph(Graph& graph, const char* role) {
    graph.name = outer_.layer() + role;
    OpEmitter inner(graph, graph.name, layer_.open_batch);
    std::vector<TensorId> inputs;
    for (Variable& variable : variables_) {
      variable.before = variable.after = operand(inner, outer_, variable);
      inputs.push_back(variable.before);
    }
    graph.set_inputs(std::move(inputs));
    return inner;
  }

  Graph condition() {
    Graph graph;
    OpEmitter inner = begin_graph(graph, "/cond");
    const TensorId end = layer_.open_time ? before(Carried::end) : inner.int_scalar(layer_.time);
    graph.set_outputs({inner.op(OpType::less, {before(Carried::step), end}, NoAttributes{}, {},
                                DataType::boolean)});
    return graph;
  }

  Graph body() {
    Graph graph;
    OpEmitter inner = begin_graph(graph, "/body");
    const TensorId step = before(Carried::step);
    const auto at_step = [&](TensorId from, Shape shape) {
      return inner.op(OpType::gather, {from, step}, GatherAttributes{.axis = 1}, std::move(shape));
    };
    std::vector<TensorId> products;
    for (const Variable& variable : variables_) {
      if (variable.what != Carried::product) continue;
      const int32_t rows = inner.shape(variable.before).back();
      products.push_back(at_step(variable.before, {layer_.batch, rows}));
    }
    const StepWeights weights = add_step_weights(inner, layer_);
    const CellState old{before(Carried::h), before(Carried::c)};
    CellState next = emit_step(inner, layer_, weights, products, old);
    TensorId y = next.h;
    if (layer_.mask()) y = apply_mask(inner, at_step, old, next);
    set_after(Carried::h, next.h);
    set_after(Carried::c, next.c);
    set_after(Carried::y, y);
    if (find(Carried::sequence)) set_after(Carried::sequence, store(inner, y));
    set_after(Carried::step, inner.op(OpType::add, {step, inner.int_scalar(1)},
                                      ArithmeticAttributes{}, {}, DataType::int32));
    std::vector<TensorId> outputs;
    for (const Variable& variable : variables_) outputs.push_back(variable.after);
    graph.set_outputs(std::move(outputs));
    return graph;
  }

  /// Keeps the states of skipped steps; returns the output.
  template <class AtStep>
  TensorId apply_mask(OpEmitter& inner, AtStep at_step, const CellState& old, CellState& next) {
    const Shape column{layer_.batch, 1};
    const TensorId number = at_step(before(Carried::mask), column);
    const TensorId mask = inner.op(OpType::not_equal, {number, inner.scalar(0)}, NoAttributes{},
                                   column, DataType::boolean);
    const TensorId computed = next.h;
    next.h = emit_choice(inner, mask, computed, old.h);
    if (next.c) next.c = emit_choice(inner, mask, next.c, old.c);
    if (!find(Carried::y)) return next.h;
    const bool zero = layer_.attributes.zero_output_for_mask;
    return emit_choice(inner, mask, computed, zero ? TensorId::none : before(Carried::y));
  }

  /// The sequence with y [N,units] at this step.
  TensorId store(OpEmitter& inner, TensorId y) {
    const TensorId row = inner.op(OpType::expand_dims, {y, inner.ints({1})}, NoAttributes{},
                                  {layer_.batch, 1, layer_.units});
    const TensorId zero = inner.int_scalar(0);
    const TensorId at = inner.op(OpType::pack, {zero, before(Carried::step), zero},
                                 PackAttributes{.count = 3}, {3}, DataType::int32);
    const TensorId sequence = before(Carried::sequence);
    const Shape shape = inner.shape(sequence);
    return inner.op(OpType::dynamic_update_slice, {sequence, row, at}, NoAttributes{}, shape);
  }

  OpEmitter& outer_;
  const RecurrentLayer& layer_;
  std::vector<Variable> variables_;
  TensorId zeros_, sequence_zeros_;
};

}  // namespace

RecurrentValues emit_loop(OpEmitter& emit, const RecurrentLayer& layer, const CellState& initial,
                          std::vector<Graph>& graphs, int32_t first_graph) {
  return Loop(emit, layer).emit(initial, graphs, first_graph);
}

}  // namespace smelt
