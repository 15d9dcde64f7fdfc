#include <algorithm>
#include <cstring>

#include "smelt/ops/families.h"

// Ops whose result's size depends on values, not only on shapes.

namespace smelt {
namespace {

/// condition -> positions [n, rank] of what is not 0.
void infer_where(ShapeContext& context) {
  const ByteView data = context.data(0);
  const Shape& x = context.shape(0);
  const int64_t count = x.elements();
  const size_t size = count > 0 ? data.size() / static_cast<size_t>(count) : 1;
  const bool is_float = context.input(0).type == DataType::float32;
  int64_t found = 0;
  for (size_t at = 0; at + size <= data.size(); at += size) {
    const auto bytes = data.subspan(at, size);
    bool zero = std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
    if (is_float) {  // -0 is zero as well
      float value = 0;
      std::memcpy(&value, bytes.data(), sizeof(value));
      zero = value == 0.0f;
    }
    found += zero ? 0 : 1;
  }
  context.set_output(0, checked_shape({found, x.rank()}));
}

template <class T>
int64_t count_unique(ByteView data) {
  std::vector<T> values(data.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), data.data(), values.size() * sizeof(T));
  const auto nan = std::partition(values.begin(), values.end(), [](T v) { return v == v; });
  std::sort(values.begin(), nan);
  return (std::unique(values.begin(), nan) - values.begin()) + (values.end() - nan);
}

int64_t count_unique(DataType type, ByteView data) {
  switch (type) {
    case DataType::float32:
      return count_unique<float>(data);
    case DataType::int8:
    case DataType::uint8:
      return count_unique<uint8_t>(data);
    case DataType::int16:
      return count_unique<int16_t>(data);
    case DataType::int32:
      return count_unique<int32_t>(data);
    case DataType::int64:
      return count_unique<int64_t>(data);
    default:
      fail(ErrorKind::unsupported, "unique values of type {} are not counted", name(type));
  }
}

/// x [N] -> values [n], places [N].
void infer_unique(ShapeContext& context) {
  need_rank(context, 0, 1);
  context.set_output(0, checked_shape({count_unique(context.input(0).type, context.data(0))}));
  context.set_output(1, context.shape(0));
}

/// [segments, axes of x behind those of ids].
Shape segmented(const ShapeContext& context, int64_t segments) {
  const Shape& x = context.shape(0);
  const Shape& ids = context.shape(1);
  if (ids.rank() > x.rank()) {
    fail(ErrorKind::bad_file, "ids {} do not begin {}", to_string(ids), to_string(x));
  }
  std::vector<int64_t> dims{segments};
  dims.insert(dims.end(), x.dims().begin() + ids.rank(), x.dims().end());
  return checked_shape(dims);
}

/// x [N, ...], ids [N] in ascending order -> [last id + 1, ...].
void infer_segment_sum(ShapeContext& context) {
  need_rank(context, 1, 1);
  const std::vector<int64_t>& ids = context.values(1);
  if (!std::is_sorted(ids.begin(), ids.end())) {
    fail(ErrorKind::bad_file, "the ids of its segments are not in ascending order");
  }
  context.set_output(0, segmented(context, ids.empty() ? 0 : ids.back() + 1));
}

void infer_unsorted_segment(ShapeContext& context) {
  context.set_output(0, segmented(context, scalar_value(context, 2)));
}

/// boxes, scores, count, ... -> indices [count], V5: scores [count], number of valid ones [].
void infer_non_max_suppression(ShapeContext& context) {
  const Shape selected = checked_shape({scalar_value(context, 2)});
  for (size_t i = 0; i + 1 < context.output_count(); ++i) context.set_output(i, selected);
  context.set_output(context.output_count() - 1, Shape());
}

/// The operand holds the result's shape.
void infer_random(ShapeContext& context) {
  context.set_output(0, checked_shape(context.values(0)));
}

/// logits [N, classes], number of samples -> [N, samples].
void infer_multinomial(ShapeContext& context) {
  need_rank(context, 0, 2);
  context.set_output(0, checked_shape({context.shape(0)[0], scalar_value(context, 1)}));
}

OpDef results(OpDef row, int count) {
  row.min_outputs = row.max_outputs = count;
  return row;
}

}  // namespace

void define_data_dependent(OpTable& table) {
  const QuantizationRule rule = float_only(kNoKernel);
  table[OpType::where] = row(1, 1, infer_where, float_only(kNotNumbers));
  table[OpType::unique] = results(row(1, 1, infer_unique, float_only(kNotNumbers)), 2);
  table[OpType::segment_sum] = row(2, 2, infer_segment_sum, rule);
  for (const OpType type : {OpType::unsorted_segment_max, OpType::unsorted_segment_min,
                            OpType::unsorted_segment_prod, OpType::unsorted_segment_sum}) {
    table[type] = row(3, 3, infer_unsorted_segment, rule);
  }
  table[OpType::non_max_suppression_v4] = results(row(5, 5, infer_non_max_suppression, rule), 2);
  table[OpType::non_max_suppression_v5] = results(row(6, 6, infer_non_max_suppression, rule), 3);
  table[OpType::random_uniform] = row(1, 1, infer_random, rule);
  table[OpType::random_standard_normal] = row(1, 1, infer_random, rule);
  table[OpType::multinomial] = row(2, 2, infer_multinomial, rule);
}

}  // namespace smelt
