#include "smelt/run/calls.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

/// Subgraphs run on the machine's stack.
constexpr int kDeepestCall = 100;

void check_dense(const Graph& graph, TensorId id) {
  if (!graph.tensor(id).sparsity) return;
  fail(ErrorKind::unsupported, "{} is a sparse constant, which only DENSIFY reads",
       describe(graph, id));
}

/// Operands or results of an op against the inputs or outputs of a subgraph.
void check_passed(const Graph& graph, std::span<const TensorId> ids, const Graph& callee,
                  const std::vector<TensorId>& wanted, std::string_view what) {
  if (ids.size() != wanted.size()) {
    fail(ErrorKind::bad_file, "passes {} {} where subgraph '{}' has {}", ids.size(), what,
         callee.name, wanted.size());
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!ids[i]) fail(ErrorKind::bad_file, "one of its {} is missing", what);
    check_dense(graph, ids[i]);
    check_dense(callee, wanted[i]);
    const DataType type = graph.tensor(ids[i]).type;
    const DataType of_callee = callee.tensor(wanted[i]).type;
    if (type == of_callee) continue;
    fail(ErrorKind::bad_file, "{} is {} where subgraph '{}' has {}", describe(graph, ids[i]),
         name(type), callee.name, name(of_callee));
  }
}

void check_type(const Graph& graph, TensorId id, DataType wanted, std::string_view role) {
  if (!id) fail(ErrorKind::bad_file, "its {} is missing", role);
  const DataType type = graph.tensor(id).type;
  if (type == wanted) return;
  fail(ErrorKind::bad_file, "its {} is {}, expected {}", role, name(type), name(wanted));
}

class CallChecker {
 public:
  explicit CallChecker(const Model& model) : model_(model), states_(model.graphs.size()) {}

  void visit(int index, int depth) {
    State& state = states_[static_cast<size_t>(index)];
    if (state == State::done) return;
    if (state == State::open) {
      fail(ErrorKind::bad_file, "subgraph {} calls itself, directly or through others", index);
    }
    if (depth > kDeepestCall) {
      fail(ErrorKind::unsupported, "calls are nested more than {} deep", kDeepestCall);
    }
    state = State::open;
    const Graph& graph = model_.graphs[static_cast<size_t>(index)];
    for (const OpId id : graph.ops()) {
      if (!is_control(graph.op(id).type)) continue;
      with_context([&] { return describe(graph, id); },
                   [&] {
                     const Op& op = graph.op(id);
                     check_arity(op);
                     if (std::holds_alternative<OpaqueAttributes>(op.attributes)) {
                       fail(ErrorKind::unsupported, "its options are of a kind that is not known");
                     }
                     check(graph, op);
                     for (const int callee : called_graphs(op)) visit(callee, depth + 1);
                   });
    }
    state = State::done;
    order_.push_back(index);
  }

  std::vector<int> order() && { return std::move(order_); }

 private:
  enum class State : uint8_t { unseen, open, done };

  const Graph& callee(const Op& op, size_t i) const {
    const int index = called_graphs(op)[i];
    if (index < 0 || static_cast<size_t>(index) >= model_.graphs.size()) {
      fail(ErrorKind::bad_file, "calls subgraph {} of {}", index, model_.graphs.size());
    }
    return model_.graphs[static_cast<size_t>(index)];
  }

  void check(const Graph& graph, const Op& op) const {
    const std::span<const TensorId> inputs = op.inputs;
    switch (op.type) {
      case OpType::if_:
        check_type(graph, op.input(0), DataType::boolean, "condition");
        for (const size_t i : {0, 1}) {
          check_passed(graph, inputs.subspan(1), callee(op, i), callee(op, i).inputs(), "operands");
          check_passed(graph, op.outputs, callee(op, i), callee(op, i).outputs(), "results");
        }
        return;
      case OpType::while_: {
        const Graph& condition = callee(op, 0);
        check_passed(graph, inputs, condition, condition.inputs(), "operands");
        if (condition.outputs().size() != 1) {
          fail(ErrorKind::bad_file, "its condition gives {} results", condition.outputs().size());
        }
        check_type(condition, condition.outputs()[0], DataType::boolean, "condition's result");
        check_passed(graph, inputs, callee(op, 1), callee(op, 1).inputs(), "operands");
        check_passed(graph, inputs, callee(op, 1), callee(op, 1).outputs(), "operands");
        check_passed(graph, op.outputs, callee(op, 1), callee(op, 1).outputs(), "results");
        return;
      }
      case OpType::read_variable:
      case OpType::assign_variable:
        check_type(graph, op.input(0), DataType::resource, "variable");
        if (op.type == OpType::assign_variable && !op.input(1)) {
          fail(ErrorKind::bad_file, "its value is missing");
        }
        if (op.type == OpType::assign_variable) check_dense(graph, op.input(1));
        break;
      case OpType::var_handle:
        check_type(graph, op.output(), DataType::resource, "result");
        return;
      default:
        check_passed(graph, inputs, callee(op, 0), callee(op, 0).inputs(), "operands");
        check_passed(graph, op.outputs, callee(op, 0), callee(op, 0).outputs(), "results");
        return;
    }
    if (op.type == OpType::read_variable && !op.output()) {
      fail(ErrorKind::bad_file, "its result is missing");
    }
  }

  const Model& model_;
  std::vector<State> states_;
  std::vector<int> order_;
};

}  // namespace

std::vector<int> called_graphs(const Op& op) {
  if (const auto* a = std::get_if<IfAttributes>(&op.attributes)) {
    return {a->then_graph, a->else_graph};
  }
  if (const auto* a = std::get_if<WhileAttributes>(&op.attributes)) {
    return {a->cond_graph, a->body_graph};
  }
  if (const auto* a = std::get_if<CallOnceAttributes>(&op.attributes)) return {a->init_graph};
  if (const auto* a = std::get_if<CallAttributes>(&op.attributes)) {
    return {static_cast<int>(a->graph)};
  }
  if (const auto* a = std::get_if<StablehloCompositeAttributes>(&op.attributes)) {
    return {a->decomposition_graph};
  }
  return {};
}

bool is_control(OpType type) {
  switch (type) {
    case OpType::assign_variable:
    case OpType::call:
    case OpType::call_once:
    case OpType::if_:
    case OpType::read_variable:
    case OpType::stablehlo_composite:
    case OpType::var_handle:
    case OpType::while_:
      return true;
    default:
      return false;
  }
}

std::vector<int> check_calls(const Model& model) {
  CallChecker checker(model);
  checker.visit(0, 0);
  return std::move(checker).order();
}

}  // namespace smelt
