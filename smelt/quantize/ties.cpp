#include "smelt/quantize/ties.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "smelt/ops/op_def.h"
#include "smelt/quantize/scales.h"
#include "smelt/quantize/step_ties.h"

namespace smelt {
namespace {

bool is_float(const Graph& graph, TensorId id) {
  return id && graph.tensor(id).type == DataType::float32;
}

Range hull(const Range& a, const Range& b) {
  return {std::min(a.min, b.min), std::max(a.max, b.max)};
}

/// Groups of tensors that share a scale (union-find over tensor ids).
class Ties {
 public:
  Ties(const Graph& graph, const ScaleDomain& domain, const RangeOf& range, const ClipOf& clip)
      : graph_(graph), type_(domain.type), range_(range), clip_(clip) {
    for (const OpId id : graph.ops()) {
      if (domain.holds(id)) ops_.push_back(id);
    }
    const std::vector<TensorId> ids = graph.tensors();
    parent_.resize(ids.empty() ? 0 : static_cast<size_t>(ids.back().value) + 1);
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  std::map<TensorId, Quantization> run() {
    for (const std::vector<TensorId>& steps : tied_steps(graph_)) {
      for (const TensorId id : steps) unite(steps.front(), id);
    }
    // An op with one operand hands its scale on, fixed ones too, so these come first: an op with
    // several operands must know which of them are fixed.
    for (const OpId id : ops_) fix(graph_.op(id));
    for (const OpId id : ops_) tie_single(graph_.op(id));
    for (const OpId id : ops_) tie_several(graph_.op(id));
    return scales();
  }

 private:
  int root(TensorId id) {
    int at = id.value;
    while (parent_[static_cast<size_t>(at)] != at) {
      int& up = parent_[static_cast<size_t>(at)];
      up = parent_[static_cast<size_t>(up)];
      at = up;
    }
    return at;
  }

  void unite(TensorId a, TensorId b) {
    const int from = root(b);
    const int to = root(a);
    if (from == to) return;
    parent_[static_cast<size_t>(from)] = to;
    if (const auto node = fixed_.extract(from); !node.empty()) fixed_[to] = node.mapped();
    if (const auto node = extra_.extract(from); !node.empty()) widen(to, node.mapped());
  }

  void widen(int group, const Range& range) {
    const auto [at, added] = extra_.emplace(group, range);
    if (!added) at->second = hull(at->second, range);
  }

  static const QuantizationRule& rule(const Op& op) { return op_def(op.type).quantization; }

  void fix(const Op& op) {
    if (!rule(op).supported || rule(op).output != OutputScale::fixed) return;
    for (const TensorId id : op.outputs) {
      if (!is_float(graph_, id)) continue;
      fixed_[root(id)] = fixed_scale(rule(op));
    }
  }

  /// int16 results of fixed range cover [-1, 1] (operator_property.cc, restricted_value_int16).
  Quantization fixed_scale(const QuantizationRule& rule) const {
    if (type_ == DataType::int16) return Quantization::per_tensor(1.0f / 32768, 0);
    return Quantization::per_tensor(rule.fixed_scale, rule.fixed_zero);
  }

  static bool shares_scale(const Op& op) {
    return rule(op).supported && rule(op).output == OutputScale::same_as_input;
  }

  std::vector<TensorId> results(const Op& op) const {
    std::vector<TensorId> ids;
    std::copy_if(op.outputs.begin(), op.outputs.end(), std::back_inserter(ids),
                 [&](TensorId id) { return is_float(graph_, id); });
    return ids;
  }

  void tie_single(const Op& op) {
    if (!shares_scale(op)) return;
    const std::vector<TensorId> tied = results(op);
    for (const TensorId id : tied) unite(tied.front(), id);
    const FloatOperands operands = float_operands(graph_, op);
    if (tied.empty() || operands.computed.size() != 1 || !operands.constant.empty()) return;
    unite(op.inputs[operands.computed.front()], tied.front());
  }

  void tie_several(const Op& op) {
    if (!shares_scale(op)) return;
    const std::vector<TensorId> tied = results(op);
    const FloatOperands operands = float_operands(graph_, op);
    if (tied.empty() || (operands.computed.size() == 1 && operands.constant.empty())) return;
    if (const auto scale = shared_fixed_scale(op, operands)) {
      fixed_[root(tied.front())] = *scale;
      return;
    }
    const bool clips = op.type == OpType::maximum || op.type == OpType::minimum;
    for (const size_t index : operands.constant) {
      if (!clips) widen(root(tied.front()), range_(op.inputs[index]));
    }
    for (const size_t index : operands.computed) {
      const TensorId id = op.inputs[index];
      if (fixed_.contains(root(id))) continue;
      if (clips && graph_.consumers(id).size() == 1 && !graph_.is_output(id)) ignored_.insert(id);
      unite(tied.front(), id);
    }
  }

  /// The scale of all computed operands where they have the same fixed one, and constants fit.
  std::optional<Quantization> shared_fixed_scale(const Op& op, const FloatOperands& operands) {
    std::optional<Quantization> shared;
    for (const size_t index : operands.computed) {
      const auto fixed = fixed_.find(root(op.inputs[index]));
      if (fixed == fixed_.end() || (shared && !(*shared == fixed->second))) return std::nullopt;
      shared = fixed->second;
    }
    for (const size_t index : operands.constant) {
      if (!shared) break;
      const Range range = range_(op.inputs[index]);
      const float scale = shared->scale[0];
      const float zero = static_cast<float>(shared->zero_point[0]);
      const float steps = type_ == DataType::int16 ? 32768 : 128;
      if (range.min < (-steps - zero) * scale || range.max > (steps - 1 - zero) * scale) {
        return std::nullopt;
      }
    }
    return shared;
  }

  std::map<TensorId, Quantization> scales() {
    const std::vector<TensorId> order = touched();
    const std::map<int, Range> ranges = group_ranges(order);
    const std::map<int, float> widths = least_widths();
    std::map<TensorId, Quantization> scales;
    for (const TensorId id : order) {
      const auto fixed = fixed_.find(root(id));
      if (fixed != fixed_.end()) {
        scales[id] = fixed->second;
        continue;
      }
      const auto width = widths.find(root(id));
      const Range range =
          widened(ranges.at(root(id)), width == widths.end() ? 0.0f : width->second);
      scales[id] = activation_scale(type_, range.min, range.max);
    }
    return scales;
  }

  /// Float tensors that the ops read or compute, in the order of the graph.
  std::vector<TensorId> touched() const {
    std::set<TensorId> ids;
    for (const OpId id : ops_) {
      const Op& op = graph_.op(id);
      for (const size_t index : float_operands(graph_, op).computed) ids.insert(op.inputs[index]);
      for (const TensorId result : results(op)) ids.insert(result);
    }
    std::vector<TensorId> order;
    const auto take = [&](TensorId id) {
      if (ids.erase(id) > 0) order.push_back(id);
    };
    for (const TensorId id : graph_.inputs()) take(id);
    for (const OpId id : graph_.ops()) {
      for (const TensorId result : graph_.op(id).outputs) take(result);
    }
    return order;
  }

  /// Integer softmax multiplies differences by beta * scale * 2^26, which must be more than 1
  /// (TFLite aborts otherwise): the width of the range that gives twice that.
  std::map<int, float> least_widths() {
    constexpr float kWidth = 255 * 2.0f / (1 << 26);
    std::map<int, float> widths;
    if (type_ != DataType::int8) return widths;
    for (const OpId id : ops_) {
      const Op& op = graph_.op(id);
      float beta = 1;
      if (const auto* softmax = std::get_if<SoftmaxAttributes>(&op.attributes)) {
        beta = softmax->beta;
      } else if (op.type != OpType::log_softmax) {
        continue;
      }
      if (!is_float(graph_, op.input(0)) || !(beta > 0)) continue;
      float& width = widths[root(op.input(0))];
      width = std::max(width, kWidth / beta);
    }
    return widths;
  }

  static Range widened(Range range, float width) {
    const float missing = width - (std::max(range.max, 0.0f) - std::min(range.min, 0.0f));
    if (missing <= 0) return range;
    return {std::min(range.min, 0.0f) - missing / 2, std::max(range.max, 0.0f) + missing / 2};
  }

  std::map<int, Range> group_ranges(const std::vector<TensorId>& order) {
    std::map<int, Range> ranges;
    std::map<int, std::vector<TensorId>> members;
    for (const auto& [group, range] : extra_) ranges.emplace(group, range);
    for (const TensorId id : order) {
      const int group = root(id);
      if (fixed_.contains(group) || ignored_.contains(id)) continue;
      members[group].push_back(id);
      const Range range = range_(id);
      const auto [at, added] = ranges.emplace(group, range);
      if (!added) at->second = hull(at->second, range);
    }
    for (const auto& [group, tensors] : members) {
      if (!extra_.contains(group)) ranges.at(group) = clip_(tensors, ranges.at(group));
    }
    return ranges;
  }

  const Graph& graph_;
  DataType type_;
  std::vector<OpId> ops_;
  const RangeOf& range_;
  const ClipOf& clip_;
  std::vector<int> parent_;
  std::map<int, Quantization> fixed_;  ///< by group
  std::map<int, Range> extra_;         ///< of constants that a group must cover, by group
  std::set<TensorId> ignored_;         ///< tensors whose range does not count
};

}  // namespace

FloatOperands float_operands(const Graph& graph, const Op& op) {
  FloatOperands operands;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (!is_float(graph, op.inputs[i]) || graph.tensor(op.inputs[i]).is_variable) continue;
    (graph.tensor(op.inputs[i]).is_constant ? operands.constant : operands.computed).push_back(i);
  }
  return operands;
}

std::map<TensorId, Quantization> choose_scales(const Graph& graph, const ScaleDomain& domain,
                                               const RangeOf& range, const ClipOf& clip) {
  return Ties(graph, domain, range, clip).run();
}

}  // namespace smelt
