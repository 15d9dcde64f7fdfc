#include "smelt/quantize/apply.h"

#include <map>
#include <set>
#include <tuple>

#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

Buffer quantized_values(const Tensor& tensor, const TensorPlan& as) {
  const std::span<const float> values = tensor.data.as<float>();
  if (as.type == DataType::int32) return Buffer::of(to_int32(values, as.quantization));
  return Buffer::of(to_int8(values, tensor.shape, as.quantization));
}

class Applier {
 public:
  Applier(Graph& graph, const QuantPlan& plan) : graph_(graph), plan_(plan) {}

  void run() {
    for (const auto& [id, tensor] : plan_.tensors) {
      if (!graph_.contains(id) || graph_.tensor(id).is_constant) mismatch(tensor.name);
      store_as(id, tensor);
    }
    for (const auto& [id, op] : plan_.ops) {
      if (!graph_.contains(id)) mismatch(op.name);
      for (const OperandPlan& operand : op.operands) convert_operand(id, operand);
    }
    const std::vector<TensorId> inputs = graph_.inputs(), outputs = graph_.outputs();
    for (const TensorId id : inputs) convert_input(id);
    for (const TensorId id : outputs) convert_output(id);
    graph_.erase_unused_tensors();
  }

 private:
  using Form = std::tuple<TensorId, DataType, std::vector<float>, std::vector<int64_t>, int32_t>;

  [[noreturn]] static void mismatch(const std::string& name) {
    fail(ErrorKind::bad_argument, "the plan speaks of {}, which the model does not have", name);
  }

  void store_as(TensorId id, const TensorPlan& plan) {
    Tensor& tensor = graph_.tensor(id);
    tensor.type = plan.type;
    tensor.quantization = plan.quantization;
  }

  static Form form_of(TensorId id, const TensorPlan& as) {
    return {id, as.type, as.quantization.scale, as.quantization.zero_point, as.quantization.axis};
  }

  void convert_operand(OpId id, const OperandPlan& operand) {
    const TensorId source = graph_.op(id).input(operand.index);
    if (!source) mismatch(operand.as.name);
    const auto [found, added] = converted_.try_emplace(form_of(source, operand.as));
    if (added) {
      found->second = graph_.tensor(source).is_constant ? add_constant(source, operand.as)
                                                        : add_conversion(id, source, operand.as);
    }
    graph_.set_op_input(id, operand.index, found->second);
  }

  /// A copy of the tensor in another form. The first of a constant's copies has its name to itself:
  /// the float constant goes.
  TensorId add_copy(TensorId source, const TensorPlan& as, Buffer data) {
    Tensor copy = graph_.tensor(source);
    copy.type = as.type;
    copy.quantization = as.quantization;
    copy.data = std::move(data);
    int& copies = copies_[source];
    if (!copy.is_constant || copies > 0) {
      copy.name +=
          fmt::format("/{}{}", name(as.type), copies > 0 ? fmt::format(":{}", copies) : "");
    }
    ++copies;
    return graph_.add_tensor(std::move(copy));
  }

  TensorId add_constant(TensorId source, const TensorPlan& as) {
    return add_copy(source, as, quantized_values(graph_.tensor(source), as));
  }

  TensorId add_conversion(OpId reader, TensorId source, const TensorPlan& as) {
    const TensorId result = add_copy(source, as, {});
    graph_.insert_before(reader, conversion(source, result));
    return result;
  }

  Op conversion(TensorId from, TensorId to) const {
    const bool to_float = graph_.tensor(to).type == DataType::float32;
    const OpType type = to_float ? OpType::dequantize : OpType::quantize;
    return {.type = type,
            .inputs = {from},
            .outputs = {to},
            .attributes = default_attributes(type),
            .origin = graph_.tensor(to_float ? to : from).origin};
  }

  /// How an input or output is seen from outside.
  TensorPlan outside(const TensorPlan& inside) const {
    if (plan_.recipe.io == IoType::float32) return {inside.name, DataType::float32, {}};
    TensorPlan shifted = inside;
    shifted.type = DataType::uint8;
    for (int64_t& zero : shifted.quantization.zero_point) zero += 128;
    return shifted;
  }

  bool keeps_type(TensorId id) const {
    return plan_.recipe.io == IoType::int8 || !plan_.tensors.contains(id);
  }

  /// A tensor that all readers of an input or output read in its place.
  TensorId add_inner(TensorId id, const TensorPlan& inside) {
    const TensorId inner = add_copy(id, inside, {});
    const std::vector<TensorId> outputs = graph_.outputs();
    graph_.replace_uses(id, inner);
    graph_.set_outputs(outputs);
    return inner;
  }

  /// The input stays the tensor that callers know; what read it reads its conversion.
  void convert_input(TensorId id) {
    if (keeps_type(id) || !converted_io_.insert(id).second) return;
    const TensorPlan& inside = plan_.tensors.at(id);
    store_as(id, outside(inside));
    if (graph_.consumers(id).empty()) return;
    const TensorId inner = add_inner(id, inside);
    const Op op = conversion(id, inner);
    graph_.insert_before(graph_.ops().front(), op);
  }

  /// The output stays the tensor that callers know; its producer and readers get another one.
  void convert_output(TensorId id) {
    if (keeps_type(id) || !converted_io_.insert(id).second) return;
    const TensorPlan& inside = plan_.tensors.at(id);
    store_as(id, outside(inside));
    const OpId producer = graph_.producer(id);
    const TensorId inner = add_inner(id, inside);
    const std::vector<TensorId> results = graph_.op(producer).outputs;
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i] == id) graph_.set_op_output(producer, i, inner);
    }
    graph_.add_op(conversion(inner, id));
  }

  Graph& graph_;
  const QuantPlan& plan_;
  std::map<Form, TensorId> converted_;
  std::map<TensorId, int> copies_;
  std::set<TensorId> converted_io_;
};

}  // namespace

Model apply(const Model& model, const QuantPlan& plan) {
  Model result = model;
  Applier(result.main(), plan).run();
  try {
    verify(result);
  } catch (const Error& error) {
    fail(ErrorKind::internal, "the quantized graph is broken: {}", error.what());
  }
  return result;
}

}  // namespace smelt
