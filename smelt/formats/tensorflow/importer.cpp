#include "smelt/formats/tensorflow/importer.h"

#include <algorithm>
#include <set>

namespace smelt::tensorflow {
namespace {

/// Nodes that one import may visit: functions that call functions may grow without bound.
constexpr int64_t kMaxNodes = 1'000'000;
constexpr int kMaxDepth = 64;

bool is_call_name(std::string_view part) {
  for (const std::string_view call : {"StatefulPartitionedCall", "PartitionedCall"}) {
    if (!part.starts_with(call)) continue;
    part.remove_prefix(call.size());
    return part.empty() || part[0] == '_';
  }
  return false;
}

bool assigns(std::string_view op) {
  return op == "AssignVariableOp" || op == "AssignAddVariableOp" || op == "AssignSubVariableOp" ||
         op == "Assign" || op == "AssignAdd" || op == "AssignSub" ||
         op.starts_with("ResourceScatter");
}

/// Ops that are not in the table, each with the first of its nodes.
class UnknownOps {
 public:
  explicit UnknownOps(Library& library) : library_(library) {}

  void collect(const Body& body, std::vector<int> todo) {
    std::set<int> seen(todo.begin(), todo.end());
    while (!todo.empty()) {
      const BodyNode& node = body.nodes[static_cast<size_t>(todo.back())];
      todo.pop_back();
      visit(*node.def);
      for (const Edge& edge : node.inputs) {
        if (edge.node >= 0 && seen.insert(edge.node).second) todo.push_back(edge.node);
      }
    }
  }

  std::string text() const {
    std::string result;
    int listed = 0;
    constexpr int kMaxListed = 12;
    for (const auto& [op, nodes] : found_) {
      if (++listed > kMaxListed)
        return result + fmt::format(" and {} more", found_.size() - kMaxListed);
      result += fmt::format("{}{} (node {}{})", result.empty() ? "" : ", ", op, nodes.first,
                            nodes.second > 1 ? fmt::format(" and {} more", nodes.second - 1) : "");
    }
    return result;
  }
  size_t size() const { return found_.size(); }

 private:
  void visit(const proto::NodeDef& node) {
    if (library_.find(node.op()) == nullptr && find_op(node.op()) == nullptr) {
      ++found_.emplace(node.op(), std::pair(node.name(), 0)).first->second.second;
    }
    for (const auto& [name, value] : node.attr()) {
      if (!value.has_func()) continue;
      const std::string& function = value.func().name();
      if (library_.find(function) == nullptr || !functions_.insert(function).second) continue;
      const Body& body = library_.body(function);
      std::vector<int> results;
      for (const Edge& edge : body.results) {
        if (edge.node >= 0) results.push_back(edge.node);
      }
      collect(body, results);
    }
  }

  Library& library_;
  std::set<std::string> functions_;
  std::map<std::string, std::pair<std::string, int>> found_;
};

}  // namespace

std::string layer_of(const std::string& node_path) {
  std::vector<std::string_view> parts;
  std::string_view rest = node_path;
  while (!rest.empty()) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    if (!is_call_name(rest.substr(0, slash))) parts.push_back(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  if (parts.size() > 1) parts.pop_back();
  std::string result;
  for (const std::string_view part : parts)
    result += fmt::format("{}{}", result.empty() ? "" : "/", part);
  return result.empty() ? node_path : result;
}

Value Importer::read(Frame& frame, Edge edge) const {
  if (const auto fed = frame.feeds.find(edge); fed != frame.feeds.end()) return fed->second;
  if (edge.node == Edge::kArgument) {
    const auto index = static_cast<size_t>(edge.output);
    if (index >= frame.arguments.size()) {
      fail(ErrorKind::bad_file, "function {} is called with too few arguments", frame.body.name);
    }
    return frame.arguments[index];
  }
  const auto& results = frame.results[static_cast<size_t>(edge.node)];
  SMELT_CHECK(results.has_value());
  if (static_cast<size_t>(edge.output) < results->size()) {
    return (*results)[static_cast<size_t>(edge.output)];
  }
  const proto::NodeDef& def = *frame.body.nodes[static_cast<size_t>(edge.node)].def;
  fail(ErrorKind::unsupported, "result {} of node {} ({}) is not supported", edge.output,
       frame.prefix + def.name(), def.op());
}

/// Imports what the edge depends on, operands first, without recursion.
Value Importer::evaluate(Frame& frame, Edge target) {
  frame.results.resize(frame.body.nodes.size());
  const auto open = [&](const Edge& edge) {
    return edge.node >= 0 && !frame.feeds.contains(edge) &&
           !frame.results[static_cast<size_t>(edge.node)];
  };
  if (!open(target)) return read(frame, target);
  std::vector<int> stack{target.node};
  std::set<int> entered;
  while (!stack.empty()) {
    const int node = stack.back();
    if (frame.results[static_cast<size_t>(node)]) {
      stack.pop_back();
      continue;
    }
    const bool first_visit = entered.insert(node).second;
    bool waits = false;
    for (const Edge& edge : frame.body.nodes[static_cast<size_t>(node)].inputs) {
      if (!open(edge)) continue;
      if (!first_visit) {
        fail(ErrorKind::unsupported, "node {} is part of a loop of TensorFlow 1",
             frame.prefix + frame.body.nodes[static_cast<size_t>(node)].def->name());
      }
      stack.push_back(edge.node);
      waits = true;
    }
    if (waits) continue;
    evaluate_node(frame, node);
    stack.pop_back();
  }
  return read(frame, target);
}

void Importer::evaluate_node(Frame& frame, int node) {
  if (++nodes_ > kMaxNodes) fail(ErrorKind::unsupported, "the graph has over {} nodes", kMaxNodes);
  const proto::NodeDef& def = *frame.body.nodes[static_cast<size_t>(node)].def;
  const Frame* outer_frame = std::exchange(frame_, &frame);
  const int outer_node = std::exchange(current_, node);
  const bool is_call = library_.find(def.op()) != nullptr || def.op() == "PartitionedCall" ||
                       def.op() == "StatefulPartitionedCall";
  const auto context = [&] {
    return fmt::format("node {} ({})", frame.prefix + def.name(), def.op());
  };
  // Errors name the innermost node.
  Values results = is_call ? import_node(frame, node)
                           : with_context(context, [&] { return import_node(frame, node); });
  frame.results[static_cast<size_t>(node)] = std::move(results);
  frame_ = outer_frame;
  current_ = outer_node;
}

/// Reading a variable after the model has written it needs state, which is not imported.
void Importer::check_order(const Frame& frame, const BodyNode& node) const {
  for (const int control : node.controls) {
    const proto::NodeDef& before = *frame.body.nodes[static_cast<size_t>(control)].def;
    if (!assigns(before.op())) continue;
    fail(ErrorKind::unsupported,
         "it reads a variable that node {} ({}) has written; models that keep state are not "
         "supported",
         frame.prefix + before.name(), before.op());
  }
}

Values Importer::import_node(Frame& frame, int node) {
  const BodyNode& at = frame.body.nodes[static_cast<size_t>(node)];
  const proto::NodeDef& def = *at.def;
  Values inputs;
  bool dead = false;
  for (const Edge& edge : at.inputs) {
    inputs.push_back(read(frame, edge));
    dead = dead || inputs.back().kind == Value::Kind::dead;
  }
  if (dead && def.op() != "Merge" && def.op() != "RefMerge") {
    constexpr size_t kMostResults = 64;
    return Values(kMostResults, Value::of_kind(Value::Kind::dead));
  }
  const std::string path = frame.prefix + def.name();
  if (library_.find(def.op()) != nullptr) return call(def.op(), std::move(inputs), path + "/");
  const ImportOp import = find_op(def.op());
  if (import == nullptr) refuse_unknown(frame);
  if (def.op() == "ReadVariableOp" || def.op() == "ResourceGather") check_order(frame, at);
  builder_->begin_node(layer_of(path));
  return import({.def = def,
                 .attributes = AttributeReader(def),
                 .inputs = std::move(inputs),
                 .graph = *builder_,
                 .importer = *this});
}

void Importer::refuse_unknown(const Frame& frame) {
  UnknownOps unknown(library_);
  unknown.collect(frame.body, {current_});
  fail(ErrorKind::unsupported, "TensorFlow op{} {} {} not supported", unknown.size() > 1 ? "s" : "",
       unknown.text(), unknown.size() > 1 ? "are" : "is");
}

Values Importer::call(const std::string& function, Values arguments, const std::string& prefix) {
  if (++depth_ > kMaxDepth) {
    fail(ErrorKind::unsupported, "functions call each other over {} levels", kMaxDepth);
  }
  const Body& body = library_.body(function);
  Frame frame{.body = body, .prefix = prefix, .arguments = std::move(arguments)};
  Values results;
  for (const Edge& edge : body.results) results.push_back(evaluate(frame, edge));
  --depth_;
  return results;
}

TensorId Importer::variable(const std::string& node) {
  if (const auto found = variables_.find(node); found != variables_.end()) return found->second;
  std::optional<Tensor> value = read_variable_ ? read_variable_(node) : std::nullopt;
  if (!value) fail(ErrorKind::unsupported, "the file has no value for variable {}", node);
  return variables_[node] = builder_->constant(std::move(*value));
}

}  // namespace smelt::tensorflow
