#include "smelt/formats/tflite/quantization.h"

#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

using flatbuffers::Offset;

TensorId read_reference(int32_t index, int32_t tensor_count, std::string_view what) {
  if (index < 0) return TensorId::none;
  if (index >= tensor_count) {
    fail(ErrorKind::bad_file, "{} of its blocks are tensor {} of {}", what, index, tensor_count);
  }
  return {index};
}

/// The two block-wise kinds share all but the axes.
template <class Table>
BlockwiseScales read_blocks(const Table& from, int32_t tensor_count) {
  BlockwiseScales blocks;
  blocks.scales = read_reference(from.scales(), tensor_count, "scales");
  blocks.zero_points = read_reference(from.zero_points(), tensor_count, "zero points");
  blocks.block_size = from.block_size();
  if (!blocks.scales || blocks.block_size < 0) {
    fail(ErrorKind::bad_file, "block-wise quantization with scales {} and block size {}",
         from.scales(), from.block_size());
  }
  return blocks;
}

BlockwiseScales read_blocks_along_axes(const schema::MultiAxisQuantization& from,
                                       int32_t tensor_count, const Shape& shape, Budget& budget) {
  BlockwiseScales blocks = read_blocks(from, tensor_count);
  blocks.axes = to_vector(from.quantized_dimensions(), budget);
  if (blocks.axes.empty()) fail(ErrorKind::bad_file, "multi-axis quantization without axes");
  for (const int32_t axis : blocks.axes) {
    if (axis < 0 || axis >= shape.rank()) {
      fail(ErrorKind::bad_file, "quantized along axis {} of {}", axis, smelt::to_string(shape));
    }
  }
  return blocks;
}

void expand_zero_points(Quantization& q) {
  if (q.scale.empty()) q.zero_point.clear();
  if (q.zero_point.empty()) q.zero_point.assign(q.scale.size(), 0);
  if (q.zero_point.size() == 1) q.zero_point.assign(q.scale.size(), q.zero_point[0]);
  if (q.zero_point.size() != q.scale.size()) {
    fail(ErrorKind::bad_file, "{} scales but {} zero points", q.scale.size(), q.zero_point.size());
  }
}

void settle_axis(Quantization& q, const Shape& shape) {
  const bool exists = q.axis >= 0 && q.axis < shape.rank();
  if (!q.per_axis()) {
    if (!exists) q.axis = 0;
    return;
  }
  const auto scales = static_cast<int64_t>(q.scale.size());
  if (exists && (shape[q.axis] == scales || shape[q.axis] == Shape::kUnknown)) return;
  if (shape.rank() == 1 && shape[0] == scales) {
    q.axis = 0;
    return;
  }
  fail(ErrorKind::bad_file, "{} scales along axis {} of {}", scales, q.axis,
       smelt::to_string(shape));
}

constexpr size_t kCustomAlignment = 16;  // by the schema

struct DetailsWriter {
  const std::function<int32_t(TensorId)>& index_of;
  SharedPool& pool;
  schema::QuantizationDetails kind = schema::QuantizationDetails::NONE;

  Offset<void> operator()(std::monostate) { return 0; }
  Offset<void> operator()(const CustomQuantization& from) {
    kind = schema::QuantizationDetails::CustomQuantization;
    const auto bytes = pool.vector(from.bytes, kCustomAlignment);
    return schema::CreateCustomQuantization(pool.builder(), bytes).Union();
  }
  Offset<void> operator()(const BlockwiseScales& from) {
    auto& builder = pool.builder();
    const int32_t scales = index_of(from.scales), zero_points = index_of(from.zero_points);
    if (from.axes.empty()) {
      kind = schema::QuantizationDetails::BlockwiseQuantization;
      return schema::CreateBlockwiseQuantization(builder, scales, zero_points, from.block_size)
          .Union();
    }
    kind = schema::QuantizationDetails::MultiAxisQuantization;
    const auto axes = pool.vector(from.axes);
    return schema::CreateMultiAxisQuantization(builder, scales, zero_points, from.block_size, axes)
        .Union();
  }
};

}  // namespace

Quantization read_quantization(const schema::QuantizationParameters& from, const Shape& shape,
                               int32_t tensor_count, Budget& budget) {
  Quantization q;
  q.scale = to_vector(from.scale(), budget);
  q.zero_point = to_vector(from.zero_point(), budget);
  q.axis = from.quantized_dimension();
  q.min = to_vector(from.min(), budget);
  q.max = to_vector(from.max(), budget);
  expand_zero_points(q);
  if (const auto* blocks = from.details_as_BlockwiseQuantization()) {
    q.details = read_blocks(*blocks, tensor_count);
  } else if (const auto* axes = from.details_as_MultiAxisQuantization()) {
    q.details = read_blocks_along_axes(*axes, tensor_count, shape, budget);
  } else if (const auto* custom = from.details_as_CustomQuantization()) {
    q.details = CustomQuantization{to_vector(custom->custom(), budget)};
  }
  if (q.scale.empty() && std::holds_alternative<BlockwiseScales>(q.details)) return q;
  settle_axis(q, shape);
  return q;
}

Offset<schema::QuantizationParameters> write_quantization(
    const Quantization& from, const std::function<int32_t(TensorId)>& index_of, SharedPool& pool) {
  if (from == Quantization{}) return 0;
  const auto min = pool.optional_vector(from.min), max = pool.optional_vector(from.max);
  const auto scale = pool.optional_vector(from.scale);
  const auto zero_point = pool.optional_vector(from.zero_point);
  DetailsWriter writer{index_of, pool};
  const Offset<void> details = std::visit(writer, from.details);
  auto write = [&] {
    return schema::CreateQuantizationParameters(pool.builder(), min, max, scale, zero_point,
                                                writer.kind, details, from.axis);
  };
  if (!details.IsNull()) return write();
  return pool.table<schema::QuantizationParameters>(
      table_key("quantization", min.o, max.o, scale.o, zero_point.o, from.axis), write);
}

}  // namespace smelt::tflite
