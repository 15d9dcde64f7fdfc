#include <algorithm>
#include <map>

#include "smelt/ir/dump.h"

namespace smelt {
namespace {

/// Walks two graphs in step and pairs their tensors by where they stand.
class GraphDiffer {
 public:
  GraphDiffer(const Graph& a, const Graph& b, bool names) : a_(a), b_(b), names_(names) {}

  std::string run() {
    if (names_ && a_.name != b_.name) return text("graph name", a_.name, b_.name);
    std::string found = same_tensors("inputs", a_.inputs(), b_.inputs());
    if (found.empty()) found = same_ops();
    if (found.empty()) found = same_tensors("outputs", a_.outputs(), b_.outputs());
    return found;
  }

 private:
  template <class T>
  static std::string text(std::string_view what, const T& a, const T& b) {
    return fmt::format("{}: {} against {}", what, a, b);
  }

  std::string same_ops() {
    const std::vector<OpId> ops_a = a_.ops(), ops_b = b_.ops();
    if (ops_a.size() != ops_b.size()) return text("number of ops", ops_a.size(), ops_b.size());
    for (size_t i = 0; i < ops_a.size(); ++i) {
      const std::string found = same_op(a_.op(ops_a[i]), b_.op(ops_b[i]));
      if (!found.empty()) return describe(a_, ops_a[i]) + ": " + found;
    }
    return "";
  }

  std::string same_op(const Op& a, const Op& b) {
    if (a.type != b.type) return text("type", smelt::name(a.type), smelt::name(b.type));
    if (a.attributes != b.attributes) {
      return text("attributes", to_string(a.attributes), to_string(b.attributes));
    }
    if (a.mutating_variable_inputs != b.mutating_variable_inputs) return "mutating inputs differ";
    std::string found = same_tensors("operands", a.inputs, b.inputs);
    if (found.empty()) found = same_tensors("results", a.outputs, b.outputs);
    if (found.empty()) found = same_tensors("intermediates", a.intermediates, b.intermediates);
    return found;
  }

  std::string same_tensors(std::string_view what, const std::vector<TensorId>& a,
                           const std::vector<TensorId>& b) {
    if (a.size() != b.size())
      return text(std::string("number of ") + what.data(), a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      const std::string found = same_tensor(a[i], b[i]);
      if (!found.empty()) return fmt::format("{} {}: {}", what, i, found);
    }
    return "";
  }

  std::string same_tensor(TensorId a, TensorId b) {
    if (static_cast<bool>(a) != static_cast<bool>(b)) return "one of them is absent";
    if (!a) return "";
    const auto [known, inserted] = pairs_.emplace(a, b);
    if (known->second != b) return "connected to another tensor";
    if (!inserted) return "";
    return same_content(a_.tensor(a), b_.tensor(b));
  }

  std::string same_content(const Tensor& a, const Tensor& b) const {
    if (names_ && a.name != b.name) return text("name", a.name, b.name);
    if (a.type != b.type) return text("type", smelt::name(a.type), smelt::name(b.type));
    if (a.shape != b.shape) return text("shape", to_string(a.shape), to_string(b.shape));
    if (a.shape_signature != b.shape_signature) return a.name + ": shape signatures differ";
    if (a.has_rank != b.has_rank) return a.name + ": has_rank differs";
    if (a.is_variable != b.is_variable) return a.name + ": one is a variable";
    if (a.is_constant != b.is_constant) return a.name + ": one is constant";
    if (a.data != b.data) return a.name + ": constant data differs";
    if (a.variant_elements != b.variant_elements) return a.name + ": variant types differ";
    if (a.external_buffer != b.external_buffer) return a.name + ": external buffers differ";
    if (static_cast<bool>(a.sparsity) != static_cast<bool>(b.sparsity) ||
        (a.sparsity && *a.sparsity != *b.sparsity)) {
      return a.name + ": sparsity differs";
    }
    return same_quantization(a, b);
  }

  static std::string same_quantization(const Tensor& a, const Tensor& b) {
    const Quantization &p = a.quantization, &q = b.quantization;
    // By bytes: a NaN in a recorded range is equal to itself.
    auto same = [](const std::vector<float>& x, const std::vector<float>& y) {
      return std::ranges::equal(as_bytes(std::span(x)), as_bytes(std::span(y)));
    };
    const bool same_values = p.scale == q.scale && p.zero_point == q.zero_point &&
                             same(p.min, q.min) && same(p.max, q.max);
    const bool same_axis = p.axis == q.axis || !p.per_axis();
    // Block scales live in other tensors, whose ids may differ.
    const bool same_details = p.details.index() == q.details.index();
    return same_values && same_axis && same_details ? "" : a.name + ": quantization differs";
  }

  const Graph& a_;
  const Graph& b_;
  bool names_;
  std::map<TensorId, TensorId> pairs_;
};

std::string same_signatures(const Model& a, const Model& b) {
  if (a.signatures.size() != b.signatures.size()) return "number of signatures differs";
  for (size_t i = 0; i < a.signatures.size(); ++i) {
    const Signature &p = a.signatures[i], &q = b.signatures[i];
    auto names = [](const Signature& s) {
      std::vector<std::string> all = {s.key};
      for (const auto& entry : s.inputs) all.push_back(entry.name);
      for (const auto& entry : s.outputs) all.push_back(entry.name);
      return all;
    };
    if (p.graph != q.graph || names(p) != names(q)) return "signature " + p.key + " differs";
  }
  return "";
}

}  // namespace

std::string difference(const Model& a, const Model& b, bool compare_names) {
  if (a.graphs.size() != b.graphs.size()) return "number of subgraphs differs";
  for (size_t i = 0; i < a.graphs.size(); ++i) {
    const std::string found = GraphDiffer(a.graphs[i], b.graphs[i], compare_names).run();
    if (!found.empty()) return fmt::format("subgraph {}: {}", i, found);
  }
  const std::string found = same_signatures(a, b);
  if (!found.empty()) return found;
  if (a.metadata != b.metadata) return "metadata differs";
  if (a.description != b.description) return "description differs";
  if (a.version != b.version) return "schema version differs";
  if (a.external_buffers != b.external_buffers) return "external buffers differ";
  if (a.external_buffer_groups != b.external_buffer_groups) return "external buffer groups differ";
  if (a.trailing_bytes != b.trailing_bytes) return "trailing bytes differ";
  return "";
}

}  // namespace smelt
