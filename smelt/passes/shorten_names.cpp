// Names every tensor after the layer that it belongs to: results "layer", further results of the
// same layer "layer:1", weights "layer/w", biases "layer/b", other constants "layer/c". Inputs and
// outputs of the graph keep their names. Names are unique; of "a/b;c/d", as the converter joins
// them, a/b is kept, and of paths that all begin with the same folder, the rest.
//
// Names are stored in the file: MLPerf Tiny's visual wake words model spends 11 kB on those that
// the converter chose.

#include <algorithm>
#include <map>
#include <set>

#include "smelt/ops/op_def.h"
#include "smelt/passes/passes.h"

namespace smelt {
namespace {

std::string_view first_of_joined(std::string_view name) { return name.substr(0, name.find(';')); }

class Namer {
 public:
  explicit Namer(Graph& graph) : graph_(graph) {
    for (const auto* ids : {&graph.inputs(), &graph.outputs()}) {
      for (const TensorId id : *ids) keep(id);
    }
    prefix_ = common_folder();
  }

  int run() {
    for (const OpId id : graph_.ops()) {
      for (const TensorId output : graph_.op(id).outputs) name_result(graph_.op(id), output);
      name_constants(id);
    }
    return changes_;
  }

 private:
  void keep(TensorId id) {
    if (done_.insert(id).second) taken_.insert(graph_.tensor(id).name);
  }

  std::string_view source_name(const Op& op, TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    if (!tensor.origin.empty()) return first_of_joined(tensor.origin);
    if (!op.origin.empty()) return first_of_joined(op.origin);
    return first_of_joined(tensor.name);
  }

  /// "model/" where the names of all results begin with it and go on.
  std::string common_folder() const {
    std::string folder;
    for (const OpId id : graph_.ops()) {
      for (const TensorId output : graph_.op(id).outputs) {
        if (!output) continue;
        const std::string_view name = source_name(graph_.op(id), output);
        const size_t slash = name.find('/');
        if (slash == std::string_view::npos || slash + 1 == name.size()) return "";
        if (folder.empty()) folder = name.substr(0, slash + 1);
        if (!name.starts_with(folder)) return "";
      }
    }
    return folder;
  }

  std::string shortened(std::string_view name) const {
    if (name.starts_with(prefix_)) name.remove_prefix(prefix_.size());
    return std::string(name);
  }

  /// `name`, or `name` with the separator and the smallest number that makes it new.
  std::string unique(const std::string& name, std::string_view separator) {
    if (!name.empty() && taken_.insert(name).second) return name;
    for (int& next = next_number_[name];;) {
      std::string candidate = fmt::format("{}{}{}", name, separator, ++next);
      if (taken_.insert(candidate).second) return candidate;
    }
  }

  void rename(TensorId id, std::string name) {
    std::string& current = graph_.tensor(id).name;
    if (current != name) ++changes_;
    current = std::move(name);
  }

  void name_result(const Op& op, TensorId id) {
    if (!id || !done_.insert(id).second) return;
    rename(id, unique(shortened(source_name(op, id)), ":"));
  }

  void name_constants(OpId id) {
    const Op& op = graph_.op(id);
    if (!op.output()) return;
    const QuantizationRule& rule = op_def(op.type).quantization;
    const std::string layer =
        shortened(op.origin.empty() ? graph_.tensor(op.output()).name : first_of_joined(op.origin));
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const TensorId input = op.inputs[i];
      if (!input || graph_.producer(input) || !done_.insert(input).second) continue;
      const int position = static_cast<int>(i);
      const char* role = position == rule.weight ? "w" : position == rule.bias ? "b" : "c";
      rename(input, unique(fmt::format("{}/{}", layer, role), ""));
    }
  }

  Graph& graph_;
  std::string prefix_;
  std::set<TensorId> done_;
  std::set<std::string> taken_;
  std::map<std::string, int> next_number_;
  int changes_ = 0;
};

}  // namespace

int shorten_names(Graph& graph) { return Namer(graph).run(); }

}  // namespace smelt
