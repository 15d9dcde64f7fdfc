#include "smelt/formats/saved_model/restore.h"

#include <algorithm>
#include <optional>
#include <set>

namespace smelt::saved_model {
namespace {

using tensorflow::Body;
using tensorflow::BodyNode;
using tensorflow::Edge;
using tensorflow::Library;
using tensorflow::proto::NodeDef;

bool passes_through(const std::string& op) {
  return op == "Identity" || op == "IdentityN" || op == "Cast" || op == "RefIdentity";
}

class Finder {
 public:
  explicit Finder(Library& library) : library_(library) {}

  /// `arguments`: the variables that a function gets, empty for other values.
  void search(const Body& body, const std::vector<std::string>& arguments,
              const std::string& restore, int depth) {
    constexpr int kMaxDepth = 16;
    constexpr int kMaxCalls = 10'000;
    if (depth > kMaxDepth || ++calls_ > kMaxCalls) return;
    for (const BodyNode& node : body.nodes) {
      const std::string& op = node.def->op();
      if ((op == "Assign" || op == "AssignVariableOp") && node.inputs.size() == 2) {
        const std::string variable = variable_of(body, arguments, node.inputs[0]);
        const std::optional<StoredAs> stored = stored_as(body, node.inputs[1]);
        if (!variable.empty() && stored) found_.emplace(variable, *stored);
      }
      const bool called = body.name.empty() ? node.def->name() == restore : true;
      if (called && (op == "StatefulPartitionedCall" || op == "PartitionedCall")) {
        call(body, arguments, node, depth);
      }
    }
  }

  std::map<std::string, StoredAs> take() { return std::move(found_); }

 private:
  void call(const Body& body, const std::vector<std::string>& arguments, const BodyNode& node,
            int depth) {
    const auto function = node.def->attr().find("f");
    if (function == node.def->attr().end()) return;
    const std::string& name = function->second.func().name();
    if (library_.find(name) == nullptr) return;
    std::vector<std::string> given;
    for (const Edge& edge : node.inputs) given.push_back(variable_of(body, arguments, edge));
    search(library_.body(name), given, "", depth + 1);
  }

  /// Follows what passes values through, at most once around each node.
  Edge source(const Body& body, Edge edge) const {
    std::set<Edge> seen;
    while (edge.node >= 0 && seen.insert(edge).second) {
      const BodyNode& node = body.nodes[static_cast<size_t>(edge.node)];
      const auto position = static_cast<size_t>(node.def->op() == "IdentityN" ? edge.output : 0);
      if (!passes_through(node.def->op()) || position >= node.inputs.size()) break;
      edge = node.inputs[position];
    }
    return edge;
  }

  std::string variable_of(const Body& body, const std::vector<std::string>& arguments,
                          Edge edge) const {
    edge = source(body, edge);
    if (edge.node == Edge::kArgument) {
      const auto index = static_cast<size_t>(edge.output);
      return index < arguments.size() ? arguments[index] : "";
    }
    const NodeDef& node = *body.nodes[static_cast<size_t>(edge.node)].def;
    const bool is_variable =
        node.op() == "VarHandleOp" || node.op() == "VariableV2" || node.op() == "Variable";
    return is_variable && body.name.empty() ? node.name() : "";
  }

  /// Text `index` of a constant list.
  std::optional<std::string> text_at(const Body& body, Edge edge, int index) const {
    edge = source(body, edge);
    if (edge.node < 0) return std::nullopt;
    const NodeDef& node = *body.nodes[static_cast<size_t>(edge.node)].def;
    const auto value = node.attr().find("value");
    if (node.op() != "Const" || value == node.attr().end()) return std::nullopt;
    const auto& texts = value->second.tensor().string_val();
    // The last text stands for all that follow.
    if (texts.empty()) return std::nullopt;
    return texts[std::min(index, texts.size() - 1)];
  }

  std::optional<StoredAs> stored_as(const Body& body, Edge edge) const {
    edge = source(body, edge);
    if (edge.node < 0) return std::nullopt;
    const BodyNode& node = body.nodes[static_cast<size_t>(edge.node)];
    if (node.def->op() != "RestoreV2" || node.inputs.size() != 3) return std::nullopt;
    const auto key = text_at(body, node.inputs[1], edge.output);
    if (!key) return std::nullopt;
    return StoredAs{.key = *key, .slice = text_at(body, node.inputs[2], edge.output).value_or("")};
  }

  Library& library_;
  std::map<std::string, StoredAs> found_;
  int calls_ = 0;
};

}  // namespace

std::map<std::string, StoredAs> find_restored(const tensorflow::proto::GraphDef& graph,
                                              const std::string& restore) {
  Library library(graph.library());
  Finder finder(library);
  finder.search(library.graph_body(graph), {}, restore, 0);
  return finder.take();
}

}  // namespace smelt::saved_model
