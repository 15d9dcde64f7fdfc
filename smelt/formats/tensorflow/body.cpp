#include "smelt/formats/tensorflow/body.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace smelt::tensorflow {
namespace {

/// Result names of ops whose results are not one list: functions refer to results by name.
struct ResultNames {
  std::string_view op;
  std::vector<std::string_view> names;
};

const std::vector<ResultNames>& result_names() {
  static const std::vector<ResultNames> kNames = {
      {"FusedBatchNorm",
       {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2",
        "reserve_space_3"}},
      {"TopK", {"values", "indices"}},
      {"Switch", {"output_false", "output_true"}},
      {"RefSwitch", {"output_false", "output_true"}},
      {"Merge", {"output", "value_index"}},
      {"RefMerge", {"output", "value_index"}},
      {"Unique", {"y", "idx", "count"}},
      {"MaxPoolWithArgmax", {"output", "argmax"}},
      {"NonMaxSuppressionV4", {"selected_indices", "valid_outputs"}},
      {"NonMaxSuppressionV5", {"selected_indices", "selected_scores", "valid_outputs"}},
      {"CombinedNonMaxSuppression",
       {"nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"}},
      {"LSTMBlockCell", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"BlockLSTM", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"GRUBlockCell", {"r", "u", "c", "h"}},
      {"CudnnRNN", {"output", "output_h", "output_c", "reserve_space", "host_reserved"}},
      {"TensorListPopBack", {"output_handle", "tensor"}},
      {"TensorArrayV3", {"handle", "flow"}},
  };
  return kNames;
}

int output_index(std::string_view op, std::string_view result, int position) {
  for (const ResultNames& row : result_names()) {
    if (!op.starts_with(row.op)) continue;
    const auto found = std::find(row.names.begin(), row.names.end(), result);
    if (found != row.names.end()) return static_cast<int>(found - row.names.begin()) + position;
  }
  return position;
}

int number(std::string_view text) {
  int value = -1;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  constexpr int kMaxOutputs = 100'000;
  return whole && value >= 0 && value <= kMaxOutputs ? value : -1;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(':', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Resolves the names that nodes of one body use.
class Resolver {
 public:
  Resolver(Body& body, const Library& library) : body_(body), library_(library) {
    for (size_t i = 0; i < body.arguments.size(); ++i) {
      arguments_[body.arguments[i]] = static_cast<int>(i);
    }
  }

  template <class Nodes>
  void add(const Nodes& nodes) {
    for (const proto::NodeDef& node : nodes) {
      if (!body_.index.emplace(node.name(), static_cast<int>(body_.nodes.size())).second) {
        fail(ErrorKind::bad_file, "two nodes have the name {}", node.name());
      }
      body_.nodes.push_back({.def = &node});
    }
    for (BodyNode& node : body_.nodes) {
      for (const std::string& input : node.def->input()) {
        if (input.starts_with("^")) {
          if (!arguments_.contains(input.substr(1)))
            node.controls.push_back(body_.find(input.substr(1)));
        } else {
          node.inputs.push_back(resolve(input));
        }
      }
    }
  }

  Edge resolve(std::string_view text) const {
    const std::vector<std::string_view> parts = split(text);
    if (const auto found = arguments_.find(std::string(parts[0]));
        found != arguments_.end() && (parts.size() == 1 || !body_.index.contains(parts[0]))) {
      return {.node = Edge::kArgument, .output = found->second};
    }
    const int node = body_.find(parts[0]);
    if (parts.size() == 1) return {.node = node};
    const int position = number(parts.back());
    if (parts.size() > 3 || position < 0) fail(ErrorKind::bad_file, "input {} is malformed", text);
    if (parts.size() == 2) return {.node = node, .output = position};
    return {.node = node, .output = named_output(node, parts[1], position)};
  }

 private:
  int named_output(int node, std::string_view result, int position) const {
    const std::string& op = body_.nodes[static_cast<size_t>(node)].def->op();
    const proto::FunctionDef* function = library_.find(op);
    if (function == nullptr) return output_index(op, result, position);
    const auto& outputs = function->signature().output_arg();
    for (int i = 0; i < outputs.size(); ++i) {
      if (outputs[i].name() == result) return i + position;
    }
    fail(ErrorKind::bad_file, "function {} has no result {}", op, result);
  }

  Body& body_;
  const Library& library_;
  std::map<std::string, int> arguments_;
};

}  // namespace

int Body::find(std::string_view node_name) const {
  const auto found = index.find(node_name);
  if (found == index.end()) {
    fail(ErrorKind::bad_file, "node {} does not exist{}", node_name,
         name.empty() ? "" : " in function " + name);
  }
  return found->second;
}

Library::Library(const proto::FunctionDefLibrary& library) {
  for (const proto::FunctionDef& function : library.function()) {
    functions_[function.signature().name()] = &function;
  }
}

const proto::FunctionDef* Library::find(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : found->second;
}

const Body& Library::body(const std::string& name) {
  if (const auto found = bodies_.find(name); found != bodies_.end()) return found->second;
  const proto::FunctionDef* function = find(name);
  if (function == nullptr) fail(ErrorKind::bad_file, "function {} is not in the file", name);
  return bodies_.emplace(name, function_body(*function)).first->second;
}

Body Library::function_body(const proto::FunctionDef& function) const {
  Body body{.name = function.signature().name()};
  for (const auto& argument : function.signature().input_arg()) {
    if (!argument.number_attr().empty() || !argument.type_list_attr().empty()) {
      fail(ErrorKind::unsupported, "function {} takes a list as {}", body.name, argument.name());
    }
    body.arguments.push_back(argument.name());
  }
  Resolver resolver(body, *this);
  resolver.add(function.node_def());
  for (const auto& result : function.signature().output_arg()) {
    const auto found = function.ret().find(result.name());
    if (found == function.ret().end()) {
      fail(ErrorKind::bad_file, "function {} does not compute its result {}", body.name,
           result.name());
    }
    body.results.push_back(resolver.resolve(found->second));
  }
  return body;
}

Body Library::graph_body(const proto::GraphDef& graph) const {
  Body body;
  Resolver(body, *this).add(graph.node());
  return body;
}

std::pair<std::string, int> split_tensor_name(std::string_view text) {
  const std::vector<std::string_view> parts = split(text);
  const int position = parts.size() == 1 ? 0 : number(parts.back());
  if (parts.size() > 2 || position < 0) {
    fail(ErrorKind::bad_file, "the tensor name {} is malformed", text);
  }
  return {std::string(parts[0]), position};
}

}  // namespace smelt::tensorflow
