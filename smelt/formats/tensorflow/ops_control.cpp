#include "smelt/formats/tensorflow/importer.h"

// If and While with functions as branches and bodies. A function becomes a graph of its own: what
// is constant outside, and what a loop never changes, is constant inside; the rest are operands.

namespace smelt::tensorflow {
namespace {

/// -1 where the batch is in the axis.
Shape open_shape(Builder& graph, TensorId id) {
  Shape shape = graph.shape(id);
  for (int i = 0; i < shape.rank(); ++i) {
    if (graph.is_open(id, i)) shape[i] = Shape::kUnknown;
  }
  return shape;
}

bool has_tensor(const Value& value) {
  return value.kind == Value::Kind::tensor || (value.kind == Value::Kind::list && value.id);
}

/// A function that is imported as a graph of its own.
class Subgraph {
 public:
  Subgraph(const Node& node, std::string function)
      : importer_(node.importer),
        outer_(node.graph),
        function_(std::move(function)),
        prefix_(node.importer.prefix() + node.def.name() + "/") {}

  /// An argument that is the same constant, variable or nothing inside, or an operand.
  void add_argument(const Value& value, bool is_operand) {
    Value inside = value;
    if (has_tensor(value)) {
      if (is_operand) {
        inner_.begin_node(function_);
        inside.id = inner_.input(fmt::format("{}arg{}", prefix_, arguments_.size()),
                                 outer_.type(value.id), open_shape(outer_, value.id));
        inputs_.push_back(inside.id);
      } else {
        inside.id = inner_.constant(outer_.tensor(value.id), outer_.probe(value.id));
      }
    }
    arguments_.push_back(std::move(inside));
  }

  const Values& run() {
    results_ =
        importer_.in_graph(inner_, [&] { return importer_.call(function_, arguments_, prefix_); });
    return results_;
  }

  Builder& builder() { return inner_; }
  const Value& argument(size_t i) const { return arguments_[i]; }

  /// Adds the graph with these results to the model; returns its number.
  int32_t finish(std::vector<TensorId> outputs) {
    Graph graph = std::move(inner_).finish(inputs_, std::move(outputs));
    graph.name = function_;
    importer_.graphs().push_back(std::move(graph));
    return static_cast<int32_t>(importer_.graphs().size()) - 1;
  }

 private:
  Importer& importer_;
  Builder& outer_;
  Builder inner_;
  std::string function_;
  std::string prefix_;
  Values arguments_;
  Values results_;
  std::vector<TensorId> inputs_;
};

void need_same(const Tensor& a, const Tensor& b, std::string_view what) {
  if (a.shape == b.shape && a.type == b.type) return;
  fail(ErrorKind::unsupported, "{} changes from {} {} to {} {}", what, name(a.type),
       to_string(a.shape), name(b.type), to_string(b.shape));
}

/// True where result i of a loop's body is its argument i.
bool is_invariant(const Body& body, size_t i) {
  Edge edge = body.results[i];
  for (size_t hops = 0; edge.node >= 0 && hops <= body.nodes.size(); ++hops) {
    const BodyNode& node = body.nodes[static_cast<size_t>(edge.node)];
    if (node.def->op() != "Identity" || node.inputs.size() != 1) return false;
    edge = node.inputs[0];
  }
  return edge.node == Edge::kArgument && static_cast<size_t>(edge.output) == i;
}

class While {
 public:
  explicit While(const Node& node)
      : node_(node), body_name_(node.attributes.function("body")), state_(node.inputs) {
    const Body& body = node.importer.library().body(body_name_);
    if (body.results.size() != state_.size()) {
      fail(ErrorKind::bad_file, "the loop has {} values, its body {} results", state_.size(),
           body.results.size());
    }
    for (size_t i = 0; i < state_.size(); ++i) invariant_.push_back(is_invariant(body, i));
  }

  Values run() {
    fill_lists();
    for (size_t i = 0; i < state_.size(); ++i) {
      const bool constant = has_tensor(state_[i]) && node_.graph.is_constant(state_[i].id);
      operand_.push_back(has_tensor(state_[i]) && !(invariant_[i] && constant));
    }
    Subgraph cond(node_, node_.attributes.function("cond"));
    Subgraph body(node_, body_name_);
    enter(cond);
    enter(body);
    const Values& decision = cond.run();
    if (decision.size() != 1 || decision[0].kind != Value::Kind::tensor) {
      fail(ErrorKind::bad_file, "the condition of the loop is no tensor");
    }
    const std::vector<TensorId> next = body_results(body);
    WhileAttributes attributes;
    attributes.cond_graph = cond.finish({decision[0].id});
    attributes.body_graph = body.finish(next);
    return leave(attributes);
  }

 private:
  /// Lists that the loop fills start as zeros; their elements' shape is what the body puts in.
  void fill_lists() {
    bool unknown = false;
    for (size_t i = 0; i < state_.size(); ++i) {
      unknown = unknown || (state_[i].kind == Value::Kind::list && !state_[i].id);
    }
    if (!unknown) return;
    Subgraph trial(node_, body_name_);
    for (const Value& value : state_) trial.add_argument(value, has_tensor(value));
    const Values results = trial.run();
    for (size_t i = 0; i < state_.size(); ++i) {
      if (state_[i].kind != Value::Kind::list || state_[i].id) continue;
      if (results[i].kind != Value::Kind::list || !results[i].id) continue;
      const Shape once = trial.builder().shape(results[i].id);
      const Shape wide = trial.builder().probe(results[i].id).shape;
      state_[i].id = node_.graph.zeros(once, wide, trial.builder().type(results[i].id));
    }
  }

  void enter(Subgraph& graph) const {
    for (size_t i = 0; i < state_.size(); ++i) graph.add_argument(state_[i], operand_[i]);
  }

  std::vector<TensorId> body_results(Subgraph& body) const {
    const Values& results = body.run();
    std::vector<TensorId> next;
    for (size_t i = 0; i < state_.size(); ++i) {
      if (!operand_[i]) continue;
      if (!has_tensor(results[i])) fail(ErrorKind::unsupported, "value {} of the loop is lost", i);
      need_same(node_.graph.tensor(state_[i].id), body.builder().tensor(results[i].id),
                fmt::format("value {} of the loop", i));
      next.push_back(results[i].id);
    }
    return next;
  }

  Values leave(const WhileAttributes& attributes) const {
    std::vector<TensorId> operands;
    for (size_t i = 0; i < state_.size(); ++i) {
      if (operand_[i]) operands.push_back(state_[i].id);
    }
    const std::vector<TensorId> after =
        node_.graph.raw(OpType::while_, operands, attributes, operands);
    Values results = state_;
    size_t next = 0;
    for (size_t i = 0; i < results.size(); ++i) {
      if (operand_[i]) results[i].id = after[next++];
    }
    return results;
  }

  const Node& node_;
  std::string body_name_;
  Values state_;
  std::vector<bool> invariant_;
  std::vector<bool> operand_;
};

Values import_while(const Node& node) { return While(node).run(); }

/// A condition: booleans as they are, numbers by whether they are 0.
TensorId condition(const Node& node) {
  Builder& graph = node.graph;
  const TensorId x = node.input(0);
  if (graph.shape(x).elements() != 1) fail(ErrorKind::bad_file, "the condition is no scalar");
  return graph.cast(graph.reshape(x, std::vector<int32_t>{}), DataType::boolean);
}

Values import_if(const Node& node) {
  Builder& graph = node.graph;
  const TensorId decision = condition(node);
  const Values arguments(node.inputs.begin() + 1, node.inputs.end());
  if (graph.is_constant(decision)) {
    const bool yes = graph.tensor(decision).data.bytes()[0] != 0;
    return node.importer.call(node.attributes.function(yes ? "then_branch" : "else_branch"),
                              arguments, node.importer.prefix() + node.def.name() + "/");
  }
  Subgraph then(node, node.attributes.function("then_branch"));
  Subgraph other(node, node.attributes.function("else_branch"));
  std::vector<TensorId> operands{decision};
  for (const Value& value : arguments) {
    const bool is_operand = has_tensor(value) && !graph.is_constant(value.id);
    if (is_operand) operands.push_back(value.id);
    then.add_argument(value, is_operand);
    other.add_argument(value, is_operand);
  }
  const Values yes = then.run();
  const Values no = other.run();
  if (yes.size() != no.size()) fail(ErrorKind::bad_file, "its branches differ in results");
  std::vector<TensorId> yes_ids, no_ids;
  std::vector<Tensor> once, wide;
  for (size_t i = 0; i < yes.size(); ++i) {
    if (yes[i].kind != Value::Kind::tensor || no[i].kind != Value::Kind::tensor) continue;
    need_same(then.builder().tensor(yes[i].id), other.builder().tensor(no[i].id),
              fmt::format("result {} of the branches", i));
    once.push_back(then.builder().tensor(yes[i].id));
    wide.push_back(then.builder().probe(yes[i].id));
    yes_ids.push_back(yes[i].id);
    no_ids.push_back(no[i].id);
  }
  IfAttributes attributes;
  attributes.then_graph = then.finish(yes_ids);
  attributes.else_graph = other.finish(no_ids);
  const std::vector<TensorId> after = graph.raw(OpType::if_, operands, attributes, once, wide);
  Values results;
  size_t next = 0;
  for (size_t i = 0; i < yes.size(); ++i) {
    const bool tensor = yes[i].kind == Value::Kind::tensor && no[i].kind == Value::Kind::tensor;
    results.push_back(tensor ? Value(after[next++]) : Value());
  }
  return results;
}

constexpr OpRow kRows[] = {
    {"While", import_while},
    {"StatelessWhile", import_while},
    {"If", import_if},
    {"StatelessIf", import_if},
};

}  // namespace

std::span<const OpRow> control_ops() { return kRows; }

}  // namespace smelt::tensorflow
