#include "smelt/formats/tensorflow/import.h"

#include <algorithm>
#include <set>

#include "smelt/formats/tensorflow/importer.h"

namespace smelt::tensorflow {
namespace {

/// What the file and the caller say about an input; -1 for the batch axis.
Shape input_signature(const std::optional<std::vector<int64_t>>& stored, const Shape* given) {
  std::vector<int32_t> sizes;
  if (stored) {
    for (const int64_t size : *stored) sizes.push_back(static_cast<int32_t>(size));
  }
  if (given != nullptr) {
    std::vector<int32_t> wanted = given->dims();
    if (stored && wanted.size() + 1 == sizes.size()) wanted.insert(wanted.begin(), sizes[0]);
    bool fits = !stored || wanted.size() == sizes.size();
    for (size_t i = 0; fits && i < wanted.size(); ++i) {
      const bool same = !stored || sizes[i] < 0 || sizes[i] == wanted[i];
      const bool batch = i == 0 && stored && sizes[0] < 0;
      fits = same && (wanted[i] >= 1 || batch);
      if (batch) wanted[0] = Shape::kUnknown;
    }
    if (!fits) {
      fail(ErrorKind::bad_argument, "--input-shape {} does not fit the model's {}",
           to_string(*given), stored ? to_string(Shape(sizes)) : "?");
    }
    sizes = wanted;
  } else if (!stored) {
    fail(ErrorKind::unsupported, "the file does not say its shape; pass it with --input-shape");
  }
  Shape signature(sizes);
  for (int i = 1; i < signature.rank(); ++i) {
    if (signature[i] < 0) {
      fail(ErrorKind::unsupported, "its shape {} is open; pass sizes with --input-shape",
           to_string(signature));
    }
  }
  Shape once = signature;
  if (once.rank() > 0 && once[0] < 0) once[0] = Builder::kProbeBatch;
  constexpr int64_t kMaxElements = int64_t{1} << 31;
  if (once.elements() > kMaxElements) fail(ErrorKind::unsupported, "its shape is too large");
  return signature;
}

/// The shape that the Placeholder itself states.
void complete(Endpoint& endpoint, const proto::NodeDef& node) {
  const AttributeReader attributes(node);
  if (endpoint.tf_type == 0) endpoint.tf_type = attributes.tf_type("dtype", TfType::float32);
  if (endpoint.dims) return;
  const proto::AttrValue* shape = attributes.find("shape");
  if (shape != nullptr && shape->has_shape() && !shape->shape().unknown_rank()) {
    // Files of TensorFlow 1.0 leave unknown shapes empty, like scalars.
    endpoint.dims = dims(shape->shape());
  }
}

TensorId make_input(Frame& frame, Builder& builder, Endpoint endpoint, const Shape* given) {
  const auto [name, output] = split_tensor_name(endpoint.tensor);
  const int node = frame.body.find(name);
  complete(endpoint, *frame.body.nodes[static_cast<size_t>(node)].def);
  const TensorId id = builder.input(endpoint.name, data_type(endpoint.tf_type),
                                    input_signature(endpoint.dims, given));
  frame.feeds[{.node = node, .output = output}] = id;
  return id;
}

/// Outputs are called as in the signature, where nothing else has the name.
void name_outputs(Graph& graph, const std::vector<Endpoint>& endpoints) {
  std::set<std::string> taken;
  for (const TensorId id : graph.tensors()) taken.insert(graph.tensor(id).name);
  for (size_t i = 0; i < endpoints.size(); ++i) {
    const TensorId id = graph.outputs()[i];
    if (!graph.producer(id) || !taken.insert(endpoints[i].name).second) continue;
    graph.tensor(id).name = endpoints[i].name;
  }
}

}  // namespace

Model import_graph(const proto::GraphDef& graph, const Entry& entry, const ReadVariable& variables,
                   const LoadOptions& options) {
  Library library(graph.library());
  const Body body = library.graph_body(graph);
  Builder builder;
  Importer importer(library, variables);
  Signature signature{.key = entry.signature};
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
  Frame frame{.body = body, .prefix = ""};
  importer.in_graph(builder, [&] {
    for (size_t i = 0; i < entry.inputs.size(); ++i) {
      const Shape* given = i < options.input_shapes.size() ? &options.input_shapes[i] : nullptr;
      inputs.push_back(
          with_context([&] { return "input " + entry.inputs[i].name; },
                       [&] { return make_input(frame, builder, entry.inputs[i], given); }));
      signature.inputs.push_back({entry.inputs[i].name, inputs.back()});
    }
    for (const Endpoint& endpoint : entry.outputs) {
      const auto [name, output] = split_tensor_name(endpoint.tensor);
      const Value value = importer.evaluate(frame, {.node = body.find(name), .output = output});
      if (value.kind != Value::Kind::tensor) {
        fail(ErrorKind::unsupported, "output {} is no tensor", endpoint.name);
      }
      outputs.push_back(value.id);
      signature.outputs.push_back({endpoint.name, value.id});
    }
  });
  Model model;
  model.graphs = std::move(importer.graphs());
  model.graphs[0] = std::move(builder).finish(std::move(inputs), std::move(outputs));
  name_outputs(model.graphs[0], entry.outputs);
  if (!signature.key.empty()) model.signatures.push_back(std::move(signature));
  return model;
}

Entry guess_entry(const proto::GraphDef& graph) {
  Entry entry;
  std::set<std::string> read;
  for (const auto& node : graph.node()) {
    for (const std::string& input : node.input()) {
      if (!input.starts_with("^")) read.insert(input.substr(0, input.find(':')));
    }
  }
  for (const auto& node : graph.node()) {
    if (node.op() == "Placeholder") {
      entry.inputs.push_back({.name = node.name(), .tensor = node.name()});
    } else if (!read.contains(node.name()) && node.op() != "Const" && node.op() != "NoOp" &&
               node.op() != "Assert") {
      entry.outputs.push_back({.name = node.name(), .tensor = node.name()});
    }
  }
  if (entry.outputs.empty()) fail(ErrorKind::bad_file, "the graph has no outputs");
  return entry;
}

}  // namespace smelt::tensorflow
