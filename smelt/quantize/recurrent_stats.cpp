#include "smelt/quantize/recurrent_stats.h"

#include <array>
#include <string_view>

#include "smelt/quantize/observe.h"

namespace smelt {
namespace {

constexpr size_t kLstmOperands = 24;
constexpr size_t kSvdfBias = 3;
constexpr size_t kSvdfState = 4;
constexpr size_t kHiddenIntermediate = 4;

/// As TFLite's converter calls them.
constexpr std::array<std::string_view, 5> kIntermediates = {
    "input_to_input_intermediate", "input_to_forget_intermediate", "input_to_cell_intermediate",
    "input_to_output_intermediate", "effective_hidden_scale_intermediate"};

std::span<const float> floats_of(const SampleHookArgs& args, TensorId id) {
  const std::span<const uint8_t> bytes = args.bytes(id);
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

bool complete_lstm(Graph& graph, Op& op) {
  if (!LstmProbe::fits(graph, op)) return false;
  // They carry scales and no values, but in a file they may look like empty constants.
  for (const TensorId id : op.intermediates) graph.tensor(id).is_constant = false;
  const bool complete = op.inputs.size() == kLstmOperands || op.type == OpType::lstm;
  if (complete && !op.intermediates.empty()) return false;
  if (!complete) op.inputs.resize(kLstmOperands, TensorId::none);
  if (!op.intermediates.empty()) return true;
  for (const std::string_view role : kIntermediates) {
    const std::string name = fmt::format("{}/{}", graph.tensor(op.output()).name, role);
    op.intermediates.push_back(graph.add_tensor({.name = name, .shape = {0}, .origin = op.origin}));
  }
  return true;
}

bool complete_svdf(Graph& graph, Op& op) {
  if (op.input(kSvdfBias) || op.inputs.size() <= kSvdfBias) return false;
  const Tensor& y = graph.tensor(op.output());
  if (y.type != DataType::float32 || y.shape.rank() != 2) return false;
  const std::vector<float> zeros(static_cast<size_t>(y.shape[1]));
  Tensor bias = Tensor::constant<float>(y.name + "/bias", {y.shape[1]}, zeros);
  bias.origin = op.origin;
  op.inputs[kSvdfBias] = graph.add_tensor(std::move(bias));
  return true;
}

/// Puts the op in the place of another one that has the same results.
void replace(Graph& graph, OpId id, Op op) {
  graph.set_op_outputs(id, std::vector<TensorId>(op.outputs.size(), TensorId::none));
  graph.insert_before(id, std::move(op));
  graph.erase(id);
}

}  // namespace

int complete_recurrent(Graph& graph) {
  int changed = 0;
  for (const OpId id : graph.ops()) {
    Op op = graph.op(id);
    const bool svdf = op.type == OpType::svdf;
    if (!(svdf ? complete_svdf(graph, op) : complete_lstm(graph, op))) continue;
    replace(graph, id, std::move(op));
    ++changed;
  }
  return changed;
}

RecurrentObserver::RecurrentObserver(const Graph& graph, size_t workers)
    : graph_(graph), workers_(workers) {
  for (const OpId id : graph.ops()) {
    if (LstmProbe::fits(graph, graph.op(id))) probes_.emplace(id, LstmProbe(graph, graph.op(id)));
  }
}

void RecurrentObserver::observe(const SampleHookArgs& args) {
  if (args.step < 0) return;
  const OpId id = args.interpreter.program().steps()[static_cast<size_t>(args.step)].op;
  if (!graph_.contains(id)) return;
  const Op& op = graph_.op(id);
  Ranges& ranges = workers_[static_cast<size_t>(args.worker)];
  if (const auto probe = probes_.find(id); probe != probes_.end()) {
    observe_lstm(probe->second, op, args, ranges);
  } else if (op.type == OpType::svdf && graph_.tensor(op.input(0)).type == DataType::float32) {
    const TensorId state = op.input(kSvdfState);
    smelt::observe(floats_of(args, state), ranges[state]);
  }
}

void RecurrentObserver::observe_lstm(const LstmProbe& probe, const Op& op,
                                     const SampleHookArgs& args, Ranges& ranges) const {
  const Shape& shape = args.interpreter.program().graph().tensor(op.input(0)).shape;
  const LstmValues values = probe.run(floats_of(args, op.input(0)), shape);
  const TensorId state = op.input(full_lstm_slots().cell_state);
  smelt::observe(values.cell_state, ranges[state]);
  if (op.intermediates.size() != kIntermediates.size()) return;
  for (size_t gate = 0; gate < kGates; ++gate) {
    smelt::observe(values.sums[gate], ranges[op.intermediates[gate]]);
  }
  smelt::observe(values.hidden, ranges[op.intermediates[kHiddenIntermediate]]);
}

void RecurrentObserver::store(Stats& stats) const {
  for (const Ranges& ranges : workers_) {
    for (const auto& [id, seen] : ranges) merge(seen, stats.tensors[id]);
  }
}

}  // namespace smelt
