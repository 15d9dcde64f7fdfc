#include "smelt/ops/op_def.h"

#include <limits>

#include "smelt/ops/families.h"

namespace smelt {
namespace {

OpTable make_table() {
  OpTable table;
  for (int i = 0; i < kOpTypeCount; ++i) {
    table[static_cast<OpType>(i)] = {.min_inputs = 0,
                                     .max_inputs = -1,
                                     .min_outputs = 0,
                                     .max_outputs = -1,
                                     .quantization = float_only(kNoKernel)};
  }
  define_conv(table);
  define_dense(table);
  define_pool(table);
  define_activation(table);
  define_unary(table);
  define_binary(table);
  define_select(table);
  define_reduce(table);
  define_concat(table);
  define_reshape(table);
  define_layout(table);
  define_pad(table);
  define_slice(table);
  define_gather(table);
  define_resize(table);
  define_data_dependent(table);
  define_custom(table);
  define_fill(table);
  define_recurrent(table);
  define_control(table);
  define_training(table);
  return table;
}

/// Operands up to the last one that is present: files may end the list with absent ones.
size_t present_length(const std::vector<TensorId>& ids) {
  size_t length = ids.size();
  while (length > 0 && !ids[length - 1]) --length;
  return length;
}

[[noreturn]] void fail_unknown(size_t operand) {
  throw DependsOnData(fmt::format("the shape of its result depends on data (operand {})", operand));
}

void check_count(size_t count, int low, int high, std::string_view what) {
  const auto n = static_cast<int64_t>(count);
  if (n >= low && (high < 0 || n <= high)) return;
  if (low == high) fail(ErrorKind::bad_file, "has {} {}, expected {}", n, what, low);
  if (high < 0) fail(ErrorKind::bad_file, "has {} {}, expected at least {}", n, what, low);
  fail(ErrorKind::bad_file, "has {} {}, expected {} to {}", n, what, low, high);
}

}  // namespace

const ShapeContext::Input& ShapeContext::input(size_t i) const {
  if (!has(i)) fail(ErrorKind::bad_file, "operand {} is missing", i);
  return inputs_[i];
}

const std::vector<int64_t>& ShapeContext::values(size_t i) const {
  const Input& operand = input(i);
  if (operand.values) return *operand.values;
  if (!operand.data) fail_unknown(i);
  fail(ErrorKind::unsupported, "operand {} is {}{}; at most {} values of int32 or int64 are read",
       i, name(operand.type), to_string(operand.shape), kMaxIndexValues);
}

ByteView ShapeContext::data(size_t i) const {
  const Input& operand = input(i);
  if (!operand.data) fail_unknown(i);
  const auto bytes = static_cast<size_t>(storage_bytes(operand.type, operand.shape.elements()));
  if (operand.data->size() < bytes) {
    fail(ErrorKind::bad_file, "operand {} holds {} bytes of the {} that its shape asks for", i,
         operand.data->size(), bytes);
  }
  return operand.data->first(bytes);
}

const OpDef& op_def(OpType type) {
  static const OpTable table = make_table();
  return table[type];
}

void check_arity(const Op& op) {
  const OpDef& def = op_def(op.type);
  check_count(present_length(op.inputs), def.min_inputs, def.max_inputs, "operands");
  check_count(op.outputs.size(), def.min_outputs, def.max_outputs, "results");
}

OpDef row(int low, int high, void (*infer_shapes)(ShapeContext&), QuantizationRule rule) {
  return {
      .min_inputs = low, .max_inputs = high, .infer_shapes = infer_shapes, .quantization = rule};
}

QuantizationRule calibrated() { return {.supported = true}; }
QuantizationRule no_scale() { return {.supported = true}; }
QuantizationRule same_scale() { return {.supported = true, .output = OutputScale::same_as_input}; }
QuantizationRule fixed_scale(float scale, int32_t zero_point) {
  return {.supported = true,
          .output = OutputScale::fixed,
          .fixed_scale = scale,
          .fixed_zero = zero_point};
}
QuantizationRule float_only(std::string_view reason) { return {.reason = reason}; }

Shape checked_shape(const std::vector<int64_t>& dims) {
  std::vector<int32_t> sizes;
  for (const int64_t size : dims) {
    if (size < 0 || size > std::numeric_limits<int32_t>::max()) {
      fail(ErrorKind::bad_file, "its result has an axis of size {}", size);
    }
    sizes.push_back(static_cast<int32_t>(size));
  }
  return Shape(std::move(sizes));
}

void need_rank(const ShapeContext& context, size_t i, int rank) {
  const Shape& shape = context.shape(i);
  if (shape.rank() == rank) return;
  fail(ErrorKind::bad_file, "operand {} has shape {}; its rank must be {}", i, to_string(shape),
       rank);
}

int64_t scalar_value(const ShapeContext& context, size_t i) {
  const std::vector<int64_t>& values = context.values(i);
  if (values.size() != 1) {
    fail(ErrorKind::bad_file, "operand {} holds {} values, expected one", i, values.size());
  }
  return values[0];
}

bool recorded_holds(const ShapeContext& context, size_t output, int64_t elements) {
  const Shape& shape = context.output(output);
  return shape.known() && shape.elements() == elements;
}

void infer_same(ShapeContext& context) { context.set_output(0, context.shape(0)); }

}  // namespace smelt
