#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/formats/tensorflow/body.h"
#include "smelt/formats/tensorflow/builder.h"
#include "smelt/formats/tensorflow/tensor_proto.h"

namespace smelt::tensorflow {

class Importer;

/// What an edge of a TensorFlow graph carries while it is imported.
struct Value {
  enum class Kind {
    dead,      ///< behind a Switch, on the side that is not taken
    tensor,    ///< a tensor of the graph that is written
    variable,  ///< the handle of a variable: `name` is its node
    list,      ///< a TensorList: `id` holds its elements along a new first axis, none where empty
    nothing,   ///< what only side effects and training read
  };
  Kind kind = Kind::nothing;
  TensorId id = TensorId::none;
  std::string name = {};
  int64_t count = 0;  ///< elements of a list

  Value() = default;
  Value(TensorId tensor) : kind(Kind::tensor), id(tensor) {}  // NOLINT: values are mostly tensors
  static Value of_kind(Kind kind, std::string name = {}) {
    Value value;
    value.kind = kind;
    value.name = std::move(name);
    return value;
  }
};
using Values = std::vector<Value>;

/// Attributes of a node; missing ones have the default. bad_file where the kind is wrong.
class AttributeReader {
 public:
  explicit AttributeReader(const proto::NodeDef& def) : def_(def) {}

  bool has(const std::string& name) const { return def_.attr().contains(name); }
  int64_t integer(const std::string& name, int64_t fallback) const;
  float number(const std::string& name, float fallback) const;
  bool flag(const std::string& name, bool fallback) const;
  std::string text(const std::string& name, std::string fallback) const;
  /// A list of integers that fit int32.
  std::vector<int32_t> ints(const std::string& name) const;
  std::vector<float> floats(const std::string& name) const;
  std::vector<std::string> texts(const std::string& name) const;
  /// A type as TensorFlow numbers it.
  int32_t tf_type(const std::string& name, TfType fallback) const;
  DataType type(const std::string& name, TfType fallback) const {
    return data_type(tf_type(name, fallback));
  }
  /// The name of a function.
  std::string function(const std::string& name) const;
  const proto::AttrValue* find(const std::string& name) const;

 private:
  const proto::NodeDef& def_;
};

/// A node with its operands, while it is imported.
struct Node {
  const proto::NodeDef& def;
  AttributeReader attributes;
  Values inputs;
  Builder& graph;
  Importer& importer;

  size_t count() const { return inputs.size(); }
  /// The operand as a tensor; bad_file where there is none, unsupported where it is no tensor.
  TensorId input(size_t i) const;
  const Shape& shape(size_t i) const { return graph.shape(input(i)); }
  int rank(size_t i) const { return graph.rank(input(i)); }
  DataType type(size_t i) const { return graph.type(input(i)); }
  std::vector<TensorId> tensors(size_t begin, size_t end) const;
  /// Integers that are known at import; unsupported, saying `what`, where they are not.
  std::vector<int64_t> integers(size_t i, std::string_view what) const;
  std::vector<int32_t> ints(size_t i, std::string_view what) const;
  int64_t integer(size_t i, std::string_view what) const;
  /// A float that is known at import.
  float number(size_t i, std::string_view what) const;
  /// Floats that are known at import.
  std::vector<float> numbers(size_t i, std::string_view what) const;
  /// An operand that TFLite wants as int32.
  TensorId as_int32(size_t i) const { return graph.cast(input(i), DataType::int32); }
  /// True for "NCHW", "NCDHW" or "NCW" in data_format.
  bool channels_first() const { return attributes.text("data_format", "NHWC").starts_with("NC"); }
};

using ImportOp = Values (*)(const Node&);
struct OpRow {
  std::string_view op;
  ImportOp import;
};

/// Null for ops that Smelt does not import.
ImportOp find_op(std::string_view op);

/// Rows of each family.
std::span<const OpRow> array_ops();
std::span<const OpRow> basic_ops();
std::span<const OpRow> control_ops();
std::span<const OpRow> conv_ops();
std::span<const OpRow> list_ops();
std::span<const OpRow> math_ops();
std::span<const OpRow> matmul_ops();
std::span<const OpRow> norm_ops();
std::span<const OpRow> pool_ops();
std::span<const OpRow> shape_ops();
std::span<const OpRow> slice_ops();

// --- helpers that families share

/// x of rank r in [N,C,...] order as [N,...,C], and back.
TensorId channels_last(Builder& graph, TensorId x);
TensorId channels_first(Builder& graph, TensorId x);

/// relu(x) and its like by TensorFlow's names of fused activations: "Relu", "Relu6", "Elu", ...;
/// unsupported for others. `alpha` is of LeakyRelu, `slopes` of Prelu.
TensorId activation(const Node& node, const std::string& name, TensorId x, TensorId slopes);

}  // namespace smelt::tensorflow
