#include "smelt/run/prepare.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/kernels/custom.h"
#include "smelt/ops/op_def.h"
#include "smelt/run/batch.h"
#include "smelt/run/calls.h"
#include "smelt/run/plan_part.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

/// Bodies may be called with operands of many shapes, but not so that they use up the memory: all
/// parts together have so many tensors, or this many times those of the model.
constexpr int64_t kMostTensors = 200'000;
constexpr int64_t kMostForms = 4;

/// A dynamic program prepares some kernels while it runs; that there are any is known before.
void require_kernel(const Op& op) {
  if (op.type == OpType::custom) {
    const std::string& code = op.as<CustomAttributes>().code;
    if (find_custom_kernel(code) == nullptr) {
      fail(ErrorKind::unsupported, "custom op '{}' has no kernel", code);
    }
  } else if (find_kernel(op.type) == nullptr) {
    fail(ErrorKind::unsupported, "there is no kernel for {}", smelt::name(op.type));
  }
}

int64_t count_tensors(const Model& model) {
  int64_t count = 0;
  for (const Graph& graph : model.graphs) count += static_cast<int64_t>(graph.tensors().size());
  return count;
}

/// Bytes of the constants of a graph; of `all`, or of those that the model does not have.
int64_t constant_bytes(const Graph& graph, const Graph& of_model, bool all) {
  int64_t bytes = 0;
  for (const TensorId id : graph.tensors()) {
    if (!graph.tensor(id).is_constant) continue;
    const bool stored = of_model.contains(id) && of_model.tensor(id).is_constant;
    if (all || !stored) bytes += static_cast<int64_t>(graph.tensor(id).data.size());
  }
  return bytes;
}

const Shape& shape_of(const Graph& graph, TensorId id) { return graph.tensor(id).shape; }

/// Shape inference may have given one of them another type than the file, which is what
/// check_calls has compared.
void require_same_type(const Tensor& a, const Tensor& b) {
  if (a.type == b.type) return;
  fail(ErrorKind::bad_file, "passes {} ({}) on as {} ({})", a.name, name(a.type), b.name,
       name(b.type));
}

void require_condition(const Tensor& tensor) {
  if (tensor.type == DataType::boolean && tensor.shape.elements() == 1) return;
  fail(ErrorKind::bad_file, "its condition is {}{}, expected one bool", name(tensor.type),
       to_string(tensor.shape));
}

bool is_resource(const Graph& graph, TensorId id) {
  return graph.tensor(id).type == DataType::resource;
}

int handle_of(const std::map<TensorId, int>& handles, TensorId id) {
  const auto found = handles.find(id);
  if (found == handles.end()) throw DependsOnData("which variable it uses depends on data");
  return found->second;
}

}  // namespace

std::shared_ptr<const Program> Preparer::prepare(const Model& model,
                                                 const ProgramOptions& options) {
  const std::vector<int> graphs = check_calls(model);
  try {
    Preparer preparer(model, options);
    preparer.find_variables(graphs);
    preparer.prepare_static();
    return preparer.program_;
  } catch (const DependsOnData&) {
    Preparer preparer(model, options);
    preparer.find_variables(graphs);
    preparer.prepare_dynamic(graphs);
    return preparer.program_;
  }
}

Preparer::Preparer(const Model& model, const ProgramOptions& options)
    : model_(model),
      program_(new Program),
      tensors_left_(std::max(kMostTensors, kMostForms * count_tensors(model))) {
  program_->options_ = options;
}

std::set<TensorId> Preparer::resolve_part(Graph& graph, int graph_index, ResolveOptions options) {
  const Graph& names = model_.graphs[static_cast<size_t>(graph_index)];
  tensors_left_ -= static_cast<int64_t>(graph.tensors().size());
  options.kernels = program_->options_.kernels;
  options.numerics = program_->options_.numerics;
  options.max_total_bytes = constant_bytes_left_;
  std::set<TensorId> unknown = resolve(graph, names, options);
  // A graph in another form packs its weights once more.
  const bool again = !seen_graphs_.insert(graph_index).second;
  constant_bytes_left_ -= constant_bytes(graph, names, again);
  if (tensors_left_ < 0 || constant_bytes_left_ < 0) {
    fail(ErrorKind::unsupported, "the model calls its subgraphs with operands of too many shapes");
  }
  return unknown;
}

Graph Preparer::main_graph() const {
  Graph graph = model_.main();
  std::vector<TensorId> inputs = graph.inputs();
  std::erase_if(inputs, [&](TensorId id) { return graph.tensor(id).is_constant; });
  graph.set_inputs(std::move(inputs));
  if (program_->options_.batch != 1) set_batch(graph, program_->options_.batch);
  return graph;
}

Graph Preparer::body_graph(int index) const {
  Graph graph = model_.graphs[static_cast<size_t>(index)];
  for (const TensorId id : graph.inputs()) {
    // Operands take the place of values that the file gives.
    graph.tensor(id).is_constant = false;
    graph.tensor(id).is_variable = false;
    graph.tensor(id).data = {};
  }
  return graph;
}

// --- variables

void Preparer::find_variables(const std::vector<int>& graphs) {
  std::vector<ResourceVariable>& variables = program_->variables_;
  std::vector<int> sorted = graphs;
  std::sort(sorted.begin(), sorted.end());
  std::vector<bool> filled;
  for (const int index : sorted) {
    const Graph& graph = model_.graphs[static_cast<size_t>(index)];
    for (const OpId id : graph.ops()) {
      const Op& op = graph.op(id);
      if (op.type == OpType::var_handle) {
        const auto& a = op.as<VarHandleAttributes>();
        if (variable_slot(a) >= 0) continue;
        variables.push_back({.container = a.container, .name = a.shared_name});
        filled.push_back(false);
      } else if (op.type == OpType::assign_variable) {
        const OpId source = graph.producer(op.input(0));
        if (!source || graph.op(source).type != OpType::var_handle) continue;
        const int slot = variable_slot(graph.op(source).as<VarHandleAttributes>());
        if (slot < 0 || filled[static_cast<size_t>(slot)]) continue;
        filled[static_cast<size_t>(slot)] = true;
        const Quantization& q = graph.tensor(op.input(1)).quantization;
        if (!q.zero_point.empty()) {
          variables[static_cast<size_t>(slot)].fill = static_cast<uint8_t>(q.zero_point[0]);
        }
      }
    }
  }
  typed_.resize(variables.size(), false);
}

int Preparer::variable_slot(const VarHandleAttributes& attributes) const {
  const std::vector<ResourceVariable>& variables = program_->variables_;
  const auto found = std::ranges::find_if(variables, [&](const ResourceVariable& variable) {
    return variable.container == attributes.container && variable.name == attributes.shared_name;
  });
  return found == variables.end() ? -1 : static_cast<int>(found - variables.begin());
}

void Preparer::set_variable_type(int slot, DataType type) {
  ResourceVariable& variable = program_->variables_[static_cast<size_t>(slot)];
  if (typed_[static_cast<size_t>(slot)] && variable.type != type) {
    fail(ErrorKind::bad_file, "uses variable '{}' as {} where others use {}", variable.name,
         smelt::name(type), smelt::name(variable.type));
  }
  variable.type = type;
  typed_[static_cast<size_t>(slot)] = true;
}

void Preparer::set_variable_shape(int slot, const Shape& shape) {
  ResourceVariable& variable = program_->variables_[static_cast<size_t>(slot)];
  if (!variable.shape) variable.shape = shape;
  check_memory(variable_bytes(variable), program_->options_);
  if (!(*variable.shape == shape)) throw DependsOnData("the shape of its variable depends on data");
}

int Preparer::once_flag(int graph_index, OpId id) {
  const auto [place, is_new] = once_flags_.try_emplace({graph_index, id}, program_->once_flags_);
  if (is_new) ++program_->once_flags_;
  return place->second;
}

// --- static programs

void Preparer::prepare_static() {
  prepare_part(main_graph(), {.graph_index = 0});
  check_memory(program_->memory_bytes(), program_->options_);
}

size_t Preparer::prepare_part(Graph graph, Draft draft) {
  const ProgramOptions& options = program_->options_;
  const size_t index = program_->parts_.size();
  program_->parts_.emplace_back();  // in front of those that it calls
  const Graph& names = model_.graphs[static_cast<size_t>(draft.graph_index)];
  resolve_part(graph, draft.graph_index,
               {.control = [&](Graph& resolved, OpId id) { place(resolved, id, draft); }});
  Part part{.graph = std::move(graph)};
  for (const OpId id : part.graph.ops()) {
    const Op& op = part.graph.op(id);
    Step step{.op = id, .inputs = op.inputs, .outputs = op.outputs};
    if (is_control(op.type)) {
      step.control = std::move(draft.controls.at(id));
    } else {
      with_context(
          [&] { return describe(names, id); },
          [&] { step.kernel = prepare_op(part.graph, id, options.kernels, options.numerics); });
    }
    part.steps.push_back(std::move(step));
  }
  part.memory = plan_memory(part.graph, part.steps, options);
  program_->parts_[index] = std::move(part);
  handles_of_part_[index] = std::move(draft.handles);
  return index;
}

size_t Preparer::prepare_body(int graph_index, const Graph& caller,
                              std::span<const TensorId> operands, const Handles& handles) {
  Graph graph = body_graph(graph_index);
  Draft draft{.graph_index = graph_index};
  Key key;
  std::get<0>(key) = graph_index;
  for (size_t i = 0; i < operands.size(); ++i) {
    const TensorId input = graph.inputs()[i];
    require_same_type(caller.tensor(operands[i]), graph.tensor(input));
    graph.tensor(input).shape = shape_of(caller, operands[i]);
    std::get<1>(key).push_back(shape_of(caller, operands[i]).dims());
    const bool resource = is_resource(caller, operands[i]);
    if (resource) draft.handles[input] = handle_of(handles, operands[i]);
    std::get<2>(key).push_back(resource ? draft.handles[input] : -1);
  }
  const auto found = bodies_.find(key);
  if (found != bodies_.end()) return found->second;
  const size_t part = with_context([&] { return fmt::format("in subgraph {}", graph_index); },
                                   [&] { return prepare_part(std::move(graph), draft); });
  return bodies_[key] = part;
}

void Preparer::take_results(Graph& graph, const Op& op, size_t part, Draft& draft) const {
  const Graph& callee = program_->parts_[part].graph;
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    const TensorId result = callee.outputs()[i];
    require_same_type(callee.tensor(result), graph.tensor(op.outputs[i]));
    graph.tensor(op.outputs[i]).shape = shape_of(callee, result);
    if (is_resource(callee, result)) {
      draft.handles[op.outputs[i]] = handle_of(handles_of_part_.at(part), result);
    }
  }
}

void Preparer::place_if(Graph& graph, const Op& op, Draft& draft, Control& control) {
  require_condition(graph.tensor(op.input(0)));
  const auto operands = std::span(op.inputs).subspan(1);
  for (const int callee : called_graphs(op)) {
    control.parts.push_back(prepare_body(callee, graph, operands, draft.handles));
  }
  take_results(graph, op, control.parts[0], draft);
  const Graph& otherwise = program_->parts_[control.parts[1]].graph;
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    const TensorId result = otherwise.outputs()[i];
    require_same_type(otherwise.tensor(result), graph.tensor(op.outputs[i]));
    const bool same = shape_of(graph, op.outputs[i]) == shape_of(otherwise, result) &&
                      (!is_resource(otherwise, result) ||
                       draft.handles.at(op.outputs[i]) ==
                           handle_of(handles_of_part_.at(control.parts[1]), result));
    if (!same) throw DependsOnData("its branches give results of different shapes");
  }
}

void Preparer::place_while(Graph& graph, const Op& op, Draft& draft, Control& control) {
  for (const int callee : called_graphs(op)) {
    control.parts.push_back(prepare_body(callee, graph, op.inputs, draft.handles));
  }
  const Graph& condition = program_->parts_[control.parts[0]].graph;
  require_condition(condition.tensor(condition.outputs()[0]));
  take_results(graph, op, control.parts[1], draft);
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    require_same_type(graph.tensor(op.inputs[i]), graph.tensor(op.outputs[i]));
    const bool same = shape_of(graph, op.outputs[i]) == shape_of(graph, op.inputs[i]) &&
                      (!is_resource(graph, op.inputs[i]) ||
                       draft.handles.at(op.outputs[i]) == draft.handles.at(op.inputs[i]));
    if (!same) throw DependsOnData("its body changes shapes");
  }
}

void Preparer::place_variable(Graph& graph, const Op& op, const Handles& handles,
                              Control& control) {
  control.slot = handle_of(handles, op.input(0));
  const bool reads = op.type == OpType::read_variable;
  Tensor& value = graph.tensor(reads ? op.output() : op.input(1));
  set_variable_type(control.slot, value.type);
  const auto& known = program_->variables_[static_cast<size_t>(control.slot)].shape;
  if (reads && known) {
    value.shape = *known;
    return;
  }
  for (int i = 0; i < value.shape.rank(); ++i) {
    if (value.shape[i] == Shape::kUnknown) value.shape[i] = 1;
  }
  value_bytes(value);
  set_variable_shape(control.slot, value.shape);
}

void Preparer::place(Graph& graph, OpId id, Draft& draft) {
  const Op& op = graph.op(id);
  Control control;
  switch (op.type) {
    case OpType::if_:
      place_if(graph, op, draft, control);
      break;
    case OpType::while_:
      place_while(graph, op, draft, control);
      break;
    case OpType::var_handle:
      control.slot = variable_slot(op.as<VarHandleAttributes>());
      draft.handles[op.output()] = control.slot;
      break;
    case OpType::read_variable:
    case OpType::assign_variable:
      place_variable(graph, op, draft.handles, control);
      break;
    default:
      control.parts.push_back(prepare_body(called_graphs(op)[0], graph, op.inputs, draft.handles));
      take_results(graph, op, control.parts[0], draft);
      if (op.type == OpType::call_once) control.slot = once_flag(draft.graph_index, id);
      break;
  }
  draft.controls[id] = std::move(control);
}

// --- dynamic programs

void Preparer::prepare_dynamic_step(const Graph& graph, int graph_index,
                                    const std::set<TensorId>& unknown, Step& step) {
  const Op& op = graph.op(step.op);
  if (is_control(op.type)) {
    step.control.emplace();
    if (op.type == OpType::call_once) step.control->slot = once_flag(graph_index, step.op);
    if (op.type == OpType::var_handle) {
      step.control->slot = variable_slot(op.as<VarHandleAttributes>());
    }
    return;
  }
  require_kernel(op);
  const auto is_unknown = [&](TensorId id) { return unknown.contains(id); };
  if (std::ranges::any_of(op.inputs, is_unknown) || std::ranges::any_of(op.outputs, is_unknown)) {
    return;
  }
  try {
    step.kernel =
        prepare_op(graph, step.op, program_->options_.kernels, program_->options_.numerics);
  } catch (const DependsOnData&) {
    step.kernel = {};  // prepared when its operands are known
  }
}

void Preparer::prepare_dynamic(const std::vector<int>& graphs) {
  program_->dynamic_ = true;
  std::map<int, size_t> part_of_graph = {{0, 0}};
  for (const int graph : graphs) part_of_graph.try_emplace(graph, part_of_graph.size());
  program_->parts_.resize(part_of_graph.size());
  for (const auto& [graph_index, part_index] : part_of_graph) {
    const Graph& names = model_.graphs[static_cast<size_t>(graph_index)];
    Part& part = program_->parts_[part_index];
    part.graph = part_index == 0 ? main_graph() : body_graph(graph_index);
    const auto control = [](Graph&, OpId) { throw DependsOnData("its results depend on data"); };
    const std::set<TensorId> unknown =
        resolve_part(part.graph, graph_index,
                     {.control = control, .partial = true, .unknown_inputs = part_index != 0});
    for (const TensorId id : part.graph.tensors()) {
      const Tensor& tensor = part.graph.tensor(id);
      const bool placed = tensor.is_variable || (part_index == 0 && part.graph.is_input(id));
      if (placed && !tensor.is_constant) value_bytes(tensor);
    }
    for (const OpId id : part.graph.ops()) {
      const Op& op = part.graph.op(id);
      Step step{.op = id, .inputs = op.inputs, .outputs = op.outputs, .name = describe(names, id)};
      const auto prepare = [&] { prepare_dynamic_step(part.graph, graph_index, unknown, step); };
      with_context([&] { return step.name; }, prepare);
      for (const int callee : called_graphs(op)) {
        step.control->parts.push_back(part_of_graph.at(callee));
      }
      part.steps.push_back(std::move(step));
    }
  }
}

}  // namespace smelt
