#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "smelt/formats/tensorflow/import.h"
#include "smelt/formats/tensorflow/tensor_proto.h"

namespace smelt::tensorflow {

/// Writes graphs for tests.
class TestGraph {
 public:
  proto::GraphDef graph;

  proto::NodeDef& node(const std::string& name, const std::string& op,
                       const std::vector<std::string>& inputs) {
    return add(*graph.add_node(), name, op, inputs);
  }
  static proto::NodeDef& add(proto::NodeDef& node, const std::string& name, const std::string& op,
                             const std::vector<std::string>& inputs) {
    node.set_name(name);
    node.set_op(op);
    for (const std::string& input : inputs) node.add_input(input);
    return node;
  }

  void placeholder(const std::string& name, const std::vector<int64_t>& dims,
                   TfType type = TfType::float32) {
    proto::NodeDef& placeholder = node(name, "Placeholder", {});
    (*placeholder.mutable_attr())["dtype"].set_type(static_cast<int32_t>(type));
    for (const int64_t size : dims) {
      (*placeholder.mutable_attr())["shape"].mutable_shape()->add_dim()->set_size(size);
    }
  }

  template <class T>
  void constant(const std::string& name, const std::vector<int64_t>& dims,
                const std::vector<T>& values) {
    fill((*node(name, "Const", {}).mutable_attr())["value"], dims, values);
  }

  template <class T>
  static void fill(proto::AttrValue& value, const std::vector<int64_t>& dims,
                   const std::vector<T>& values) {
    proto::TensorProto& tensor = *value.mutable_tensor();
    tensor.set_dtype(
        static_cast<int32_t>(std::is_same_v<T, float> ? TfType::float32 : TfType::int32));
    for (const int64_t size : dims) tensor.mutable_tensor_shape()->add_dim()->set_size(size);
    tensor.set_tensor_content(values.data(), values.size() * sizeof(T));
  }

  Model load(const LoadOptions& options = {}) const {
    const std::string bytes = graph.SerializeAsString();
    return load_frozen(as_bytes(bytes), options);
  }
};

}  // namespace smelt::tensorflow
