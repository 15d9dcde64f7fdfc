#include "smelt/formats/tensorflow/importer.h"
#include "smelt/formats/tensorflow/recurrent.h"

// Constants, variables, values that pass through, and calls.

namespace smelt::tensorflow {
namespace {

Value nothing() { return Value::of_kind(Value::Kind::nothing); }

bool has_values(int32_t tf_type) {
  const auto type = static_cast<TfType>(tf_type);
  return type != TfType::string && type != TfType::resource && type != TfType::variant &&
         type != TfType::complex128;
}

Values import_const(const Node& node) {
  const proto::AttrValue* value = node.attributes.find("value");
  if (value == nullptr || !value->has_tensor()) fail(ErrorKind::bad_file, "it has no value");
  // Texts name files and assertions; an op that reads one says so itself.
  if (!has_values(value->tensor().dtype())) return {nothing()};
  return {node.graph.constant(read_tensor(node.def.name(), value->tensor()))};
}

Values import_identity(const Node& node) {
  if (node.inputs.empty()) fail(ErrorKind::bad_file, "it has no operand");
  return {node.inputs[0]};
}

Values import_identity_n(const Node& node) { return node.inputs; }

Values import_placeholder(const Node& node) {
  fail(ErrorKind::unsupported, "the outputs depend on {}, which is no input of the signature",
       node.def.name());
}

Values import_handle(const Node& node) {
  return {Value::of_kind(Value::Kind::variable, node.def.name())};
}

Values import_variable(const Node& node) { return {node.importer.variable(node.def.name())}; }

TensorId read(const Node& node, size_t i) {
  if (i >= node.count() || node.inputs[i].kind != Value::Kind::variable) {
    fail(ErrorKind::unsupported, "operand {} is no variable of the file", i);
  }
  return node.importer.variable(node.inputs[i].name);
}

Values import_read(const Node& node) { return {read(node, 0)}; }

/// Rows of a variable: an embedding.
Values import_resource_gather(const Node& node) {
  return {node.graph.op(OpType::gather, {read(node, 0), node.as_int32(1)}, GatherAttributes{},
                        DataType::float32)};
}

Values import_call(const Node& node) {
  const std::string function = node.attributes.function("f");
  if (const proto::FunctionDef* def = node.importer.library().find(function); def != nullptr) {
    if (std::optional<Values> layer = recurrent_call(node, *def)) return std::move(*layer);
  }
  return node.importer.call(function, node.inputs, node.importer.prefix() + node.def.name() + "/");
}

Values import_nothing(const Node&) { return {nothing()}; }

/// Only constants say which side of a condition of TensorFlow 1 is taken.
Values import_switch(const Node& node) {
  const Tensor& condition = node.graph.tensor(node.input(1));
  if (!condition.is_constant || condition.data.size() != 1) {
    fail(ErrorKind::unsupported, "its condition depends on the model's inputs");
  }
  const Value dead = Value::of_kind(Value::Kind::dead);
  const bool taken = condition.data.bytes()[0] != 0;
  return taken ? Values{dead, node.inputs[0]} : Values{node.inputs[0], dead};
}

Values import_merge(const Node& node) {
  for (size_t i = 0; i < node.count(); ++i) {
    if (node.inputs[i].kind == Value::Kind::dead) continue;
    return {node.inputs[i], node.graph.integer(static_cast<int32_t>(i))};
  }
  return Values(2, Value::of_kind(Value::Kind::dead));
}

Values import_cast(const Node& node) {
  if (!has_values(node.attributes.tf_type("DstT", TfType::float32))) {
    fail(ErrorKind::unsupported, "casts to texts are not supported");
  }
  const DataType to = node.attributes.type("DstT", TfType::float32);
  const TensorId x = node.input(0);
  // float64 and float16 are computed as float32: a cast between them leaves the value alone.
  return {node.graph.cast(x, to)};
}

/// Quantization of training: rounded to the levels that the integer model has.
TensorId fake_quant(const Node& node, float min, float max) {
  const auto bits = static_cast<int32_t>(node.attributes.integer("num_bits", 8));
  const FakeQuantAttributes attributes{.min = min,
                                       .max = max,
                                       .bits = bits,
                                       .narrow_range = node.attributes.flag("narrow_range", false)};
  return node.graph.op(OpType::fake_quant, {node.input(0)}, attributes);
}

Values import_fake_quant_args(const Node& node) {
  return {fake_quant(node, node.attributes.number("min", -6), node.attributes.number("max", 6))};
}

Values import_fake_quant_vars(const Node& node) {
  return {fake_quant(node, node.number(1, "the minimum"), node.number(2, "the maximum"))};
}

constexpr OpRow kRows[] = {
    {"Const", import_const},
    {"Identity", import_identity},
    {"StopGradient", import_identity},
    {"PreventGradient", import_identity},
    {"CheckNumerics", import_identity},
    {"CheckNumericsV2", import_identity},
    {"DebugIdentityV2", import_identity},
    {"Snapshot", import_identity},
    {"EnsureShape", import_identity},
    {"OptimizationBarrier", import_identity_n},
    {"PlaceholderWithDefault", import_identity},
    {"IdentityN", import_identity_n},
    {"Placeholder", import_placeholder},
    {"PlaceholderV2", import_placeholder},
    {"VarHandleOp", import_handle},
    {"Variable", import_variable},
    {"VariableV2", import_variable},
    {"ReadVariableOp", import_read},
    {"ResourceGather", import_resource_gather},
    {"PartitionedCall", import_call},
    {"StatefulPartitionedCall", import_call},
    {"NoOp", import_nothing},
    {"Assert", import_nothing},
    {"Switch", import_switch},
    {"RefSwitch", import_switch},
    {"Merge", import_merge},
    {"RefMerge", import_merge},
    {"Cast", import_cast},
    {"FakeQuantWithMinMaxArgs", import_fake_quant_args},
    {"FakeQuantWithMinMaxVars", import_fake_quant_vars},
};

}  // namespace

std::span<const OpRow> basic_ops() { return kRows; }

}  // namespace smelt::tensorflow
