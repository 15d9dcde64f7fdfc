#include "smelt/quantize/apply.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "smelt/base/half.h"
#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

/// int4 values as .tflite stores them: two to a byte, the first in the lower half.
Buffer packed_int4(std::span<const int8_t> values) {
  std::vector<uint8_t> bytes((values.size() + 1) / 2, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    bytes[i / 2] = static_cast<uint8_t>(bytes[i / 2] | (values[i] & 15) << (i % 2 * 4));
  }
  return Buffer::of(bytes);
}

std::vector<int8_t> nearest_int8(const Tensor& tensor, const TensorPlan& as) {
  const std::span<const float> values = tensor.data.as<float>();
  const auto [low, high] = range_of(as.type == DataType::int4 ? DataType::int4 : DataType::int8);
  if (as.block_size == 0) return to_int8(values, tensor.shape, as.quantization, low, high);
  const int32_t blocks = static_cast<int32_t>(as.quantization.scale.size());
  return to_int8(values, {blocks, as.block_size}, as.quantization, low, high);
}

Buffer float16_values(std::span<const float> values) {
  std::vector<uint16_t> halves(values.size());
  std::transform(values.begin(), values.end(), halves.begin(), float_to_half);
  return Buffer::of(halves);
}

/// The content of a constant in its new form.
Buffer stored_values(const Tensor& tensor, const OperandPlan& operand) {
  const TensorPlan& as = operand.as;
  const std::span<const float> values = tensor.data.as<float>();
  const bool chosen = !operand.values.empty();
  switch (as.type) {
    case DataType::float16:
      return float16_values(values);
    case DataType::int16:
      return Buffer::of(to_int16(values, as.quantization));
    case DataType::int32:
      return chosen ? operand.values : Buffer::of(to_bias<int32_t>(values, as.quantization));
    case DataType::int64:
      return chosen ? operand.values : Buffer::of(to_bias<int64_t>(values, as.quantization));
    case DataType::int4:
      return packed_int4(chosen ? operand.values.as<int8_t>() : nearest_int8(tensor, as));
    default:
      return chosen ? operand.values : Buffer::of(nearest_int8(tensor, as));
  }
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
    }
    // In execution order: a conversion stands in front of its first reader.
    for (const OpId id : graph_.ops()) {
      if (const auto plan = plan_.ops.find(id); plan != plan_.ops.end()) change(id, plan->second);
    }
    const std::vector<TensorId> inputs = graph_.inputs(), outputs = graph_.outputs();
    for (const TensorId id : inputs) convert_input(id);
    for (const TensorId id : outputs) convert_output(id);
    graph_.erase_unused_tensors();
  }

 private:
  /// Last: the values that recovery chose, which are an op's own.
  using Form = std::tuple<TensorId, DataType, std::vector<float>, std::vector<int64_t>, int32_t,
                          int, bool, const uint8_t*>;

  [[noreturn]] static void mismatch(const std::string& name) {
    fail(ErrorKind::bad_argument, "the plan speaks of {}, which the model does not have", name);
  }

  void store_as(TensorId id, const TensorPlan& plan) {
    Tensor& tensor = graph_.tensor(id);
    tensor.type = plan.type;
    tensor.quantization = plan.quantization;
  }

  void change(OpId id, const OpPlan& plan) {
    for (const OperandPlan& operand : plan.operands) convert_operand(id, operand);
    if (plan.precision) set_attributes(id, *plan.precision);
  }

  /// Attributes that tell kernels how integers are meant.
  void set_attributes(OpId id, Precision precision) {
    Attributes attributes = graph_.op(id).attributes;
    if (precision == Precision::dynamic) {
      const auto set = [](auto& a) {
        if constexpr (requires { a.asymmetric_quantize_inputs; }) {
          a.asymmetric_quantize_inputs = true;
        }
      };
      std::visit(set, attributes);
    } else if (precision == Precision::int16x8) {
      // Scales are no powers of two; LiteRT believes the attribute.
      if (auto* sum = std::get_if<ArithmeticAttributes>(&attributes)) sum->pot_scale_int16 = false;
    }
    const OpType type = graph_.op(id).type;
    graph_.set_op_kind(id, type, std::move(attributes));
  }

  static Form form_of(TensorId id, const OperandPlan& operand) {
    const Quantization& q = operand.as.quantization;
    return {id,
            operand.as.type,
            q.scale,
            q.zero_point,
            q.axis,
            operand.as.block_size,
            operand.dequantized,
            operand.values.bytes().data()};
  }

  void convert_operand(OpId id, const OperandPlan& operand) {
    const TensorId source = graph_.op(id).input(operand.index);
    if (!source) mismatch(operand.as.name);
    const auto [found, added] = converted_.try_emplace(form_of(source, operand));
    if (added) found->second = converted_operand(id, source, operand);
    graph_.set_op_input(id, operand.index, found->second);
  }

  TensorId converted_operand(OpId reader, TensorId source, const OperandPlan& operand) {
    if (!graph_.tensor(source).is_constant) return add_conversion(reader, source, operand.as);
    const TensorId stored = add_constant(source, operand);
    if (!operand.dequantized) return stored;
    const TensorId floats = add_copy(source, {operand.as.name, DataType::float32, {}}, {});
    graph_.tensor(floats).is_constant = false;
    graph_.insert_before(reader, conversion(stored, floats));
    return floats;
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

  TensorId add_constant(TensorId source, const OperandPlan& operand) {
    const TensorId id = add_copy(source, operand.as, stored_values(graph_.tensor(source), operand));
    if (operand.as.block_size > 0) store_block_scales(id, operand.as);
    return id;
  }

  /// Blocks have their scales in a float16 tensor [rows, blocks of a row].
  void store_block_scales(TensorId id, const TensorPlan& as) {
    const Tensor& weights = graph_.tensor(id);
    Tensor scales{.name = weights.name + "_scales",
                  .type = DataType::float16,
                  .shape = {weights.shape[0], weights.shape.back() / as.block_size},
                  .data = float16_values(as.quantization.scale),
                  .is_constant = true,
                  .origin = weights.origin};
    const TensorId at = graph_.add_tensor(std::move(scales));
    Quantization q;
    q.details = BlockwiseScales{.scales = at, .block_size = as.block_size};
    graph_.tensor(id).quantization = std::move(q);
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

  /// The outer form of an input or output, if it differs; each is converted once.
  const TensorPlan* outside_to_convert(TensorId id) {
    const auto outside = plan_.outside.find(id);
    if (outside == plan_.outside.end() || !converted_io_.insert(id).second) return nullptr;
    return &outside->second;
  }

  TensorPlan form_inside(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    return {tensor.name, tensor.type, tensor.quantization};
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
    const TensorPlan* outside = outside_to_convert(id);
    if (!outside) return;
    const TensorPlan inside = form_inside(id);
    store_as(id, *outside);
    if (graph_.consumers(id).empty()) return;
    const TensorId inner = add_inner(id, inside);
    const Op op = conversion(id, inner);
    graph_.insert_before(graph_.ops().front(), op);
  }

  /// The output stays the tensor that callers know; its producer and readers get another one.
  void convert_output(TensorId id) {
    const TensorPlan* outside = outside_to_convert(id);
    if (!outside) return;
    const TensorPlan inside = form_inside(id);
    store_as(id, *outside);
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
