#include "smelt/formats/tfjs/graph_json.h"

#include <charconv>

#include "smelt/base/base64.h"
#include "smelt/formats/tensorflow/tensor_proto.h"

namespace smelt::tfjs {
namespace {

using keras::as_array;
using keras::as_string;
using keras::Config;
using tensorflow::proto::AttrValue;
using tensorflow::proto::FunctionDef;
using tensorflow::proto::NodeDef;

/// 64-bit integers are texts in the JSON of protobuf.
int64_t read_integer(const Json& json) {
  if (json.is_number_integer()) return json.get<int64_t>();
  const std::string& text = as_string(json, "an integer");
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    fail(ErrorKind::bad_file, "\"{}\" is no integer", text);
  }
  return value;
}

float read_float(const Json& json) {
  if (!json.is_number()) fail(ErrorKind::bad_file, "a number is malformed");
  return json.get<float>();
}

/// Bytes are in base64, or a list of numbers.
std::string read_bytes(const Json& json) {
  if (!json.is_array()) return from_base64(as_string(json, "a text"));
  std::string bytes;
  for (const Json& byte : json) {
    bytes += static_cast<char>(keras::as_integer(byte, 0, 255, "a byte"));
  }
  return bytes;
}

/// The value under the first key that is there: protobuf's JSON spells keys in two ways.
const Json* either(const Json& json, std::string_view camel, std::string_view snake) {
  const Config config(json);
  const Json* value = config.find(camel);
  return value != nullptr ? value : config.find(snake);
}

template <class Visit>
void for_each(const Json& json, std::string_view key, Visit&& visit) {
  const Json* list = Config(json).find(key);
  if (list == nullptr) return;
  for (const Json& item : as_array(*list, key)) visit(item);
}

void read_tensor(const Json& json, tensorflow::proto::TensorProto& tensor) {
  tensor.set_dtype(read_type(Config(json).at("dtype")));
  if (const Json* shape = either(json, "tensorShape", "tensor_shape")) {
    *tensor.mutable_tensor_shape() = read_shape(*shape);
  }
  const auto list = [&](std::string_view camel, std::string_view snake, auto&& add) {
    const Json* values = either(json, camel, snake);
    if (values == nullptr) return;
    for (const Json& value : as_array(*values, camel)) add(value);
  };
  list("floatVal", "float_val", [&](const Json& v) { tensor.add_float_val(read_float(v)); });
  list("intVal", "int_val",
       [&](const Json& v) { tensor.add_int_val(static_cast<int32_t>(read_integer(v))); });
  list("int64Val", "int64_val", [&](const Json& v) { tensor.add_int64_val(read_integer(v)); });
  list("boolVal", "bool_val", [&](const Json& v) { tensor.add_bool_val(v == Json(true)); });
  list("stringVal", "string_val", [&](const Json& v) { tensor.add_string_val(read_bytes(v)); });
  if (const Json* content = either(json, "tensorContent", "tensor_content")) {
    tensor.set_tensor_content(read_bytes(*content));
  }
}

void read_list(const Json& json, AttrValue::ListValue& list) {
  for_each(json, "s", [&](const Json& v) { list.add_s(read_bytes(v)); });
  for_each(json, "i", [&](const Json& v) { list.add_i(read_integer(v)); });
  for_each(json, "f", [&](const Json& v) { list.add_f(read_float(v)); });
  for_each(json, "b", [&](const Json& v) { list.add_b(v == Json(true)); });
  for_each(json, "type", [&](const Json& v) { list.add_type(read_type(v)); });
  for_each(json, "shape", [&](const Json& v) { *list.add_shape() = read_shape(v); });
}

AttrValue read_attribute(const Json& json) {
  AttrValue value;
  const Config config(json);
  if (const Json* v = config.find("i")) value.set_i(read_integer(*v));
  if (const Json* v = config.find("f")) value.set_f(read_float(*v));
  if (const Json* v = config.find("b")) value.set_b(*v == Json(true));
  if (const Json* v = config.find("s")) value.set_s(read_bytes(*v));
  if (const Json* v = config.find("type")) value.set_type(read_type(*v));
  if (const Json* v = config.find("shape")) *value.mutable_shape() = read_shape(*v);
  if (const Json* v = config.find("tensor")) read_tensor(*v, *value.mutable_tensor());
  if (const Json* v = config.find("list")) read_list(*v, *value.mutable_list());
  if (const Json* v = config.find("func")) {
    value.mutable_func()->set_name(Config(*v).string("name"));
  }
  return value;
}

/// Constants whose values are not in the JSON have them in the weights, under the node's name.
void take_weight(NodeDef& node, const Weights& weights) {
  if (node.op() != "Const" || !weights.contains(node.name())) return;
  auto& tensor = *(*node.mutable_attr())["value"].mutable_tensor();
  if (weights.tf_type(node.name()) == static_cast<int32_t>(tensorflow::TfType::string)) return;
  const Tensor values = weights.read(node.name());
  tensor.Clear();
  // What is read is float32 where float16 and float64 were stored.
  const bool floats = values.type == DataType::float32;
  tensor.set_dtype(floats ? static_cast<int32_t>(tensorflow::TfType::float32)
                          : weights.tf_type(node.name()));
  for (const int32_t size : values.shape.dims()) {
    tensor.mutable_tensor_shape()->add_dim()->set_size(size);
  }
  const ByteView bytes = values.data.bytes();
  tensor.set_tensor_content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

NodeDef read_node(const Json& json, const Weights& weights) {
  NodeDef node;
  const Config config(json);
  node.set_name(config.string("name"));
  node.set_op(config.string("op"));
  return with_context(
      [&] { return "node " + node.name(); },
      [&] {
        for_each(json, "input", [&](const Json& v) { node.add_input(as_string(v, "an input")); });
        if (const Json* attributes = config.find("attr"); attributes && attributes->is_object()) {
          for (const auto& [name, value] : attributes->items()) {
            (*node.mutable_attr())[name] = read_attribute(value);
          }
        }
        take_weight(node, weights);
        return node;
      });
}

void read_arguments(const Json& signature, std::string_view camel, std::string_view snake,
                    google::protobuf::RepeatedPtrField<tensorflow::proto::OpDef::ArgDef>& list) {
  const Json* arguments = either(signature, camel, snake);
  if (arguments == nullptr) return;
  for (const Json& json : as_array(*arguments, camel))
    list.Add()->set_name(Config(json).string("name"));
}

FunctionDef read_function(const Json& json, const Weights& weights) {
  FunctionDef function;
  const Config config(json);
  const Json& signature = config.at("signature");
  function.mutable_signature()->set_name(Config(signature).string("name"));
  read_arguments(signature, "inputArg", "input_arg",
                 *function.mutable_signature()->mutable_input_arg());
  read_arguments(signature, "outputArg", "output_arg",
                 *function.mutable_signature()->mutable_output_arg());
  if (const Json* nodes = either(json, "nodeDef", "node_def")) {
    for (const Json& node : as_array(*nodes, "nodes")) {
      *function.add_node_def() = read_node(node, weights);
    }
  }
  if (const Json* results = config.find("ret"); results && results->is_object()) {
    for (const auto& [name, value] : results->items()) {
      (*function.mutable_ret())[name] = as_string(value, "a result");
    }
  }
  return function;
}

}  // namespace

tensorflow::proto::TensorShapeProto read_shape(const Json& json) {
  tensorflow::proto::TensorShapeProto shape;
  const Json* unknown = either(json, "unknownRank", "unknown_rank");
  shape.set_unknown_rank(unknown != nullptr && *unknown == Json(true));
  for_each(json, "dim", [&](const Json& dim) {
    const Json* size = Config(dim).find("size");
    shape.add_dim()->set_size(size == nullptr ? 0 : read_integer(*size));
  });
  return shape;
}

int32_t read_type(const Json& json) {
  if (json.is_number_integer())
    return static_cast<int32_t>(keras::as_integer(json, 0, 1000, "a type"));
  return static_cast<int32_t>(tensorflow::tf_type_from_name(as_string(json, "a type")));
}

tensorflow::proto::GraphDef read_graph(const Json& topology, const Weights& weights) {
  tensorflow::proto::GraphDef graph;
  for_each(topology, "node",
           [&](const Json& node) { *graph.add_node() = read_node(node, weights); });
  if (const Json* library = Config(topology).find("library")) {
    for_each(*library, "function", [&](const Json& function) {
      *graph.mutable_library()->add_function() = read_function(function, weights);
    });
  }
  return graph;
}

}  // namespace smelt::tfjs
