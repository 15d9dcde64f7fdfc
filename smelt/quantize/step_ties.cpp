#include "smelt/quantize/step_ties.h"

#include <map>

namespace smelt {
namespace {

/// Positions in execution order of the dense layers that read each constant.
std::map<TensorId, std::vector<size_t>> readers_of_weights(const Graph& graph,
                                                           const std::vector<OpId>& order) {
  std::map<TensorId, std::vector<size_t>> readers;
  for (size_t i = 0; i < order.size(); ++i) {
    const Op& op = graph.op(order[i]);
    if (op.type == OpType::fully_connected && graph.constant_input(op, 1)) {
      readers[op.input(1)].push_back(i);
    }
  }
  return readers;
}

/// Ops from one reader to the next; 0 where distances differ, or are too few to tell.
size_t period(const std::vector<size_t>& positions) {
  if (positions.size() < 3) return 0;
  const size_t distance = positions[1] - positions[0];
  for (size_t i = 1; i < positions.size(); ++i) {
    if (positions[i] - positions[i - 1] != distance) return 0;
  }
  return distance;
}

bool alike(const Graph& graph, TensorId a, TensorId b) {
  return graph.tensor(a).type == graph.tensor(b).type &&
         graph.tensor(a).shape == graph.tensor(b).shape;
}

class Steps {
 public:
  Steps(const Graph& graph, const std::vector<OpId>& order, const std::vector<size_t>& positions)
      : graph_(graph), order_(order), positions_(positions) {}

  std::vector<std::vector<TensorId>> run() {
    add(0, [](const Op& op) { return op.input(0); });
    const size_t distance = period(positions_);
    for (size_t offset = 0; offset < distance; ++offset) {
      for (size_t i = 0; i < first(offset).outputs.size(); ++i) {
        add(offset, [i](const Op& op) { return op.output(i); });
      }
    }
    return std::move(groups_);
  }

 private:
  const Op& first(size_t offset) const { return graph_.op(order_[positions_[0] + offset]); }

  /// The tensor `of` the op at this offset in all steps that have such an op.
  template <class Of>
  void add(size_t offset, Of&& of) {
    std::vector<TensorId> group;
    for (const size_t position : positions_) {
      if (position + offset >= order_.size()) continue;
      const Op& op = graph_.op(order_[position + offset]);
      const Op& model = first(offset);
      if (op.type != model.type || op.origin != model.origin) continue;
      const TensorId id = of(op);
      if (id && of(model) && alike(graph_, id, of(model))) group.push_back(id);
    }
    if (group.size() > 1) groups_.push_back(std::move(group));
  }

  const Graph& graph_;
  const std::vector<OpId>& order_;
  const std::vector<size_t>& positions_;
  std::vector<std::vector<TensorId>> groups_;
};

}  // namespace

std::vector<std::vector<TensorId>> tied_steps(const Graph& graph) {
  const std::vector<OpId> order = graph.ops();
  std::vector<std::vector<TensorId>> groups;
  for (const auto& [weights, positions] : readers_of_weights(graph, order)) {
    if (period(positions) == 0) continue;
    for (auto& group : Steps(graph, order, positions).run()) groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace smelt
