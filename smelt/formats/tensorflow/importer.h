#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "smelt/formats/tensorflow/node.h"
#include "smelt/formats/tensorflow/tensorflow.h"

namespace smelt::tensorflow {

/// A graph or a called function whose nodes are imported when something reads them.
struct Frame {
  const Body& body;
  std::string prefix;  ///< in front of node names: where it is called from
  Values arguments = {};
  std::map<Edge, Value> feeds = {};  ///< values in the place of what nodes compute
  std::vector<std::optional<Values>> results = {};
};

/// Turns nodes into ops on demand. Calls are inlined: a function's nodes are imported for each
/// call.
class Importer {
 public:
  Importer(Library& library, const ReadVariable& variables)
      : library_(library), read_variable_(variables) {
    graphs_.emplace_back();
  }

  /// The value on an edge of the frame.
  Value evaluate(Frame& frame, Edge edge);

  /// Results of a function for these arguments, its nodes named behind `prefix`.
  Values call(const std::string& function, Values arguments, const std::string& prefix);

  /// The constant that a variable holds.
  TensorId variable(const std::string& node);

  Builder& builder() { return *builder_; }
  Library& library() { return library_; }
  std::vector<Graph>& graphs() { return graphs_; }
  const Frame* frame() const { return frame_; }
  const std::string& prefix() const { return frame_->prefix; }
  int current_node() const { return current_; }

  /// Runs `body`, whose nodes go to another graph.
  template <class Body>
  auto in_graph(Builder& builder, Body&& body) {
    Builder* outer = std::exchange(builder_, &builder);
    auto variables = std::exchange(variables_, {});
    struct Restore {
      Importer& importer;
      Builder* builder;
      std::map<std::string, TensorId>& variables;
      ~Restore() {
        importer.builder_ = builder;
        importer.variables_ = std::move(variables);
      }
    } restore{*this, outer, variables};
    return body();
  }

 private:
  void evaluate_node(Frame& frame, int node);
  Values import_node(Frame& frame, int node);
  Value read(Frame& frame, Edge edge) const;
  void check_order(const Frame& frame, const BodyNode& node) const;
  [[noreturn]] void refuse_unknown(const Frame& frame);

  Library& library_;
  const ReadVariable& read_variable_;
  Builder* builder_ = nullptr;
  std::map<std::string, TensorId> variables_;
  std::vector<Graph> graphs_;  ///< [0] is the main graph's place
  const Frame* frame_ = nullptr;
  int current_ = 0;
  int depth_ = 0;
  int64_t nodes_ = 0;
  int64_t variable_bytes_ = 0;
};

/// "sequential/conv2d" of "StatefulPartitionedCall/sequential/conv2d/Conv2D": the folder of a node
/// without the calls on the way, or its name where it is in none.
std::string layer_of(const std::string& node_path);

}  // namespace smelt::tensorflow
