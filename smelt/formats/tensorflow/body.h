#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/formats/tensorflow/proto.h"

namespace smelt::tensorflow {

/// Result `output` of node `node`; of a function's argument where `node` is kArgument.
struct Edge {
  static constexpr int kArgument = -1;
  int node = kArgument;
  int output = 0;

  auto operator<=>(const Edge&) const = default;
};

struct BodyNode {
  const proto::NodeDef* def = nullptr;
  std::vector<Edge> inputs;   ///< data only
  std::vector<int> controls;  ///< nodes that run before it
};

/// The nodes of a graph or of a function with their edges resolved; a view of the messages.
struct Body {
  std::string name;  ///< of the function, empty for the graph
  std::vector<BodyNode> nodes;
  std::map<std::string_view, int> index;
  std::vector<std::string> arguments;  ///< of a function
  std::vector<Edge> results;           ///< of a function

  /// The node; bad_file where there is none.
  int find(std::string_view node_name) const;
};

/// Finds the functions of a library by name.
class Library {
 public:
  explicit Library(const proto::FunctionDefLibrary& library);

  const proto::FunctionDef* find(std::string_view name) const;
  /// The function's body, made once; bad_file where there is no such function.
  const Body& body(const std::string& name);
  Body graph_body(const proto::GraphDef& graph) const;

 private:
  Body function_body(const proto::FunctionDef& function) const;

  std::map<std::string_view, const proto::FunctionDef*> functions_;
  std::map<std::string, Body> bodies_;
};

/// "node:1" -> {"node", 1}; without a number 0.
std::pair<std::string, int> split_tensor_name(std::string_view text);

}  // namespace smelt::tensorflow
