#include "smelt/quantize/debug/align.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "smelt/base/error.h"
#include "smelt/ir/dump.h"
#include "smelt/quantize/debug/constants.h"

namespace smelt {
namespace {

/// Weights rounded to 4 bits are off by some 15 % of their size; those of another layer by 140 %.
constexpr double kSameWeights = 0.5;

bool is_constant(const Graph& graph, TensorId id) { return id && graph.tensor(id).is_constant; }

bool is_state(const Graph& graph, TensorId id) {
  return id && !is_constant(graph, id) && !is_computed(graph, id);
}

bool holds_reals(const Tensor& tensor) {
  return tensor.type == DataType::float32 || tensor.quantization.quantized();
}

bool gives_reals(const Graph& graph, const Op& op) {
  return std::any_of(op.outputs.begin(), op.outputs.end(),
                     [&](TensorId id) { return id && holds_reals(graph.tensor(id)); });
}

/// Inputs that are not constant.
std::vector<TensorId> fed_inputs(const Graph& graph) {
  std::vector<TensorId> ids = graph.inputs();
  std::erase_if(ids, [&](TensorId id) { return graph.tensor(id).is_constant; });
  return ids;
}

/// A result's name, and what quantizers make of it: "sum", "sum/int8", "sum_int8:1", "sum1".
bool is_name_of(std::string_view quantized, std::string_view reference) {
  if (reference.empty() || !quantized.starts_with(reference)) return false;
  std::string_view rest = quantized.substr(reference.size());
  for (const std::string_view type : {"/int8", "/int16", "/uint8", "/float32", "_int8", "_int16"}) {
    if (!rest.starts_with(type)) continue;
    rest.remove_prefix(type.size());
    break;
  }
  return rest.find_first_not_of(":0123456789") == std::string_view::npos;
}

class Aligner {
 public:
  Aligner(const Graph& reference, const Graph& quantized, AlignBy by)
      : f_(reference), q_(quantized), by_(by) {}

  Alignment run() && {
    match_inputs();
    for (const OpId id : q_.ops()) {
      if (is_bridge(q_.op(id).type)) {
        cross(q_.op(id));
      } else if (std::optional<OpMatch> match = find(id)) {
        take(std::move(*match));
      } else if (gives_reals(q_, q_.op(id))) {
        result_.unmatched.push_back(fmt::format("{} has no float counterpart", describe(q_, id)));
      }
    }
    for (const OpId id : f_.ops()) {
      if (used_.contains(id) || !gives_reals(f_, f_.op(id))) continue;
      result_.unmatched.push_back(
          fmt::format("{} of the float model has no quantized counterpart", describe(f_, id)));
    }
    return std::move(result_);
  }

 private:
  void match_inputs() {
    require_same_inputs(f_, q_);
    const std::vector<TensorId> f = fed_inputs(f_), q = fed_inputs(q_);
    for (size_t i = 0; i < q.size(); ++i) result_.tensors[q[i]] = f[i];
  }

  TensorId counterpart(TensorId id) const {
    const auto found = result_.tensors.find(id);
    return found == result_.tensors.end() ? TensorId::none : found->second;
  }

  void cross(const Op& bridge) {
    if (const TensorId value = counterpart(bridge.input(0))) {
      result_.tensors[bridge.output()] = value;
    }
  }

  /// Same type, activation and shapes of results.
  bool alike(const Op& q, const Op& f) const {
    if (q.type != f.type || q.outputs.size() != f.outputs.size()) return false;
    if (fused_activation(q.attributes) != fused_activation(f.attributes)) return false;
    for (size_t i = 0; i < q.outputs.size(); ++i) {
      if (bool(q.outputs[i]) != bool(f.outputs[i])) return false;
      if (q.outputs[i] && q_.tensor(q.outputs[i]).shape != f_.tensor(f.outputs[i]).shape) {
        return false;
      }
    }
    return true;
  }

  /// A constant of the float op beside one of the quantized op. Where a result's shape is spelled
  /// as a constant, that the shapes agree says enough: [-1, 64] may be [1, 64].
  bool constants_fit(OpType type, TensorId q, TensorId f) const {
    const Tensor& a = q_.tensor(q);
    const Tensor& b = f_.tensor(f);
    if (a.shape.elements() != b.shape.elements()) return false;
    if (b.type == DataType::float32) return holds_reals(a) || a.type == DataType::float16;
    return a.type == b.type && (type == OpType::reshape || a.data == b.data);
  }

  /// Which operands stand for each other; `loose`: results of ops without a counterpart stand for
  /// whatever is in their position.
  std::optional<OpMatch> pair_operands(OpId q_id, OpId f_id, bool loose) const {
    const Op& q = q_.op(q_id);
    const Op& f = f_.op(f_id);
    OpMatch match{q_id, f_id, std::vector<int>(f.inputs.size(), -1)};
    std::vector<bool> taken(q.inputs.size(), false);
    const auto fits = [&](size_t j, size_t i) {
      if (taken[j] || !q.inputs[j]) return false;
      if (is_constant(f_, f.inputs[i])) {
        return is_constant(q_, q.inputs[j]) && constants_fit(q.type, q.inputs[j], f.inputs[i]);
      }
      if (is_state(f_, f.inputs[i])) return i == j && is_state(q_, q.inputs[j]);
      if (!is_computed(q_, q.inputs[j])) return false;
      const TensorId known = counterpart(q.inputs[j]);
      return known == f.inputs[i] || (loose && !known && i == j);
    };
    for (size_t i = 0; i < f.inputs.size(); ++i) {
      if (!f.inputs[i]) continue;
      size_t j = i < q.inputs.size() && fits(i, i) ? i : 0;
      while (j < q.inputs.size() && !fits(j, i)) ++j;
      if (j < q.inputs.size()) {
        taken[j] = true;
        match.sources[i] = static_cast<int>(j);
      } else if (!is_constant(f_, f.inputs[i])) {
        return std::nullopt;
      }
    }
    for (size_t j = 0; j < q.inputs.size(); ++j) {
      if (!taken[j] && is_computed(q_, q.inputs[j])) return std::nullopt;
    }
    return match;
  }

  bool has_name_of(const OpMatch& match, bool exactly) const {
    const TensorId a = q_.op(match.quantized).output(), b = f_.op(match.reference).output();
    if (!a || !b) return false;
    const std::string& q = q_.tensor(a).name;
    const std::string& f = f_.tensor(b).name;
    return exactly ? !q.empty() && q == f : is_name_of(q, f);
  }

  /// The only one that has the name.
  OpMatch* by_name(std::vector<OpMatch>& found, bool exactly) const {
    OpMatch* named = nullptr;
    for (OpMatch& match : found) {
      if (!has_name_of(match, exactly)) continue;
      if (named != nullptr) return nullptr;
      named = &match;
    }
    return named;
  }

  /// Distance of the largest float constants; nothing where the ops have none.
  std::optional<double> weight_distance(const OpMatch& match) const {
    const Op& f = f_.op(match.reference);
    std::optional<double> distance;
    int64_t largest = 0;
    for (size_t i = 0; i < f.inputs.size(); ++i) {
      if (!is_constant(f_, f.inputs[i]) || match.sources[i] < 0) continue;
      const Tensor& floats = f_.tensor(f.inputs[i]);
      if (floats.type != DataType::float32 || floats.shape.elements() <= largest) continue;
      const TensorId stored = q_.op(match.quantized).inputs[static_cast<size_t>(match.sources[i])];
      if (floats.sparsity || q_.tensor(stored).sparsity) continue;
      largest = floats.shape.elements();
      distance = relative_distance(real_constant(f_, floats), real_constant(q_, q_.tensor(stored)));
    }
    return distance;
  }

  std::vector<OpMatch> candidates(OpId id, bool loose) const {
    std::vector<OpMatch> found;
    for (const OpId f : f_.ops()) {
      if (used_.contains(f) || !alike(q_.op(id), f_.op(f))) continue;
      if (std::optional<OpMatch> match = pair_operands(id, f, loose)) {
        found.push_back(std::move(*match));
      }
    }
    return found;
  }

  std::optional<OpMatch> find(OpId id) const {
    if (by_ == AlignBy::ids && f_.contains(id) && alike(q_.op(id), f_.op(id))) {
      if (std::optional<OpMatch> match = pair_operands(id, id, true)) return match;
    }
    if (std::optional<OpMatch> match = choose(candidates(id, false), false)) return match;
    return choose(candidates(id, true), true);
  }

  /// The one among several. Those that read what is not known must be told by name or by weights.
  std::optional<OpMatch> choose(std::vector<OpMatch> found, bool loose) const {
    for (const bool exactly : {true, false}) {
      if (OpMatch* named = by_name(found, exactly)) return std::move(*named);
    }
    if (found.size() == 1 && !loose) return std::move(found[0]);
    std::optional<std::pair<double, size_t>> best;
    for (size_t i = 0; i < found.size(); ++i) {
      const std::optional<double> distance = weight_distance(found[i]);
      if (!distance) {
        // Ops without weights that read the same and have the same attributes give the same.
        const bool equal =
            q_.op(found[i].quantized).attributes == f_.op(found[i].reference).attributes;
        if (!loose && equal) return std::move(found[i]);
        continue;
      }
      if (*distance <= kSameWeights && (!best || *distance < best->first)) best = {*distance, i};
    }
    return best ? std::optional(std::move(found[best->second])) : std::nullopt;
  }

  void take(OpMatch match) {
    const Op& q = q_.op(match.quantized);
    const Op& f = f_.op(match.reference);
    used_.insert(match.reference);
    if (const std::optional<double> distance = weight_distance(match)) {
      ++result_.with_weights;
      if (*distance > kSameWeights) ++result_.with_other_weights;
    }
    for (size_t i = 0; i < q.outputs.size(); ++i) {
      if (q.outputs[i]) result_.tensors[q.outputs[i]] = f.outputs[i];
    }
    for (size_t i = 0; i < match.sources.size(); ++i) {
      if (match.sources[i] < 0 || !is_computed(f_, f.inputs[i])) continue;
      result_.tensors.try_emplace(q.inputs[static_cast<size_t>(match.sources[i])], f.inputs[i]);
    }
    result_.ops.push_back(std::move(match));
  }

  const Graph& f_;
  const Graph& q_;
  AlignBy by_;
  Alignment result_;
  std::set<OpId> used_;
};

}  // namespace

bool is_bridge(OpType type) { return type == OpType::quantize || type == OpType::dequantize; }

bool is_computed(const Graph& graph, TensorId id) {
  return id && !graph.tensor(id).is_constant && (graph.producer(id) || graph.is_input(id));
}

void require_same_inputs(const Graph& reference, const Graph& quantized) {
  const std::vector<TensorId> f = fed_inputs(reference), q = fed_inputs(quantized);
  if (f.size() != q.size()) {
    fail(ErrorKind::bad_argument,
         "the float model has {} inputs and the quantized one {}: they are not the same model",
         f.size(), q.size());
  }
  for (size_t i = 0; i < q.size(); ++i) {
    const Shape& a = reference.tensor(f[i]).shape;
    const Shape& b = quantized.tensor(q[i]).shape;
    if (a == b) continue;
    fail(ErrorKind::bad_argument,
         "input {} is {} in the float model and {} in the quantized one: they are not the same "
         "model",
         i, to_string(a), to_string(b));
  }
}

Alignment align(const Graph& reference, const Graph& quantized, AlignBy by) {
  return Aligner(reference, quantized, by).run();
}

}  // namespace smelt
