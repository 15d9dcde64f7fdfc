#include "smelt/ops/families.h"

namespace smelt {
namespace {

[[noreturn]] void fail_shapes(const Shape& a, const Shape& b) {
  fail(ErrorKind::bad_file, "operands have the shapes {} and {}", to_string(a), to_string(b));
}

void infer_concatenation(ShapeContext& context) {
  Shape y = context.shape(0);
  const int axis = normalized_axis(context.op.as<ConcatenationAttributes>().axis, y.rank());
  int64_t size = y[axis];
  for (size_t i = 1; i < context.input_count(); ++i) {
    Shape other = context.shape(i);
    if (other.rank() != y.rank()) fail_shapes(context.shape(0), other);
    size += other[axis];
    other[axis] = y[axis];
    if (other != y) fail_shapes(context.shape(0), context.shape(i));
  }
  y[axis] = checked_shape({size})[0];
  context.set_output(0, y);
}

/// axis [], x -> `count` equal parts.
void infer_split(ShapeContext& context) {
  Shape y = context.shape(1);
  const int axis = normalized_axis(scalar_value(context, 0), y.rank());
  const auto parts = static_cast<int64_t>(context.output_count());
  if (parts < 1 || context.op.as<SplitAttributes>().count != parts || y[axis] % parts != 0) {
    fail(ErrorKind::bad_file, "splits an axis of size {} into {} parts for {} results", y[axis],
         context.op.as<SplitAttributes>().count, parts);
  }
  y[axis] = static_cast<int32_t>(y[axis] / parts);
  for (size_t i = 0; i < context.output_count(); ++i) context.set_output(i, y);
}

/// x, sizes [parts] (one may be -1: the rest), axis [].
void infer_split_v(ShapeContext& context) {
  const Shape& x = context.shape(0);
  std::vector<int64_t> sizes = context.values(1);
  const int axis = normalized_axis(scalar_value(context, 2), x.rank());
  int64_t rest = x[axis];
  int64_t* unknown = nullptr;
  for (int64_t& size : sizes) {
    if (size < -1 || size > x[axis] || (size == -1 && unknown != nullptr)) {
      fail(ErrorKind::bad_file, "part of size {} of an axis of size {}", size, x[axis]);
    }
    if (size == -1) {
      unknown = &size;
    } else {
      rest -= size;
    }
  }
  if (unknown != nullptr) *unknown = rest;
  if (sizes.size() != context.output_count() || rest < 0 || (unknown == nullptr && rest != 0)) {
    fail(ErrorKind::bad_file, "{} parts do not make up an axis of size {} in {} results",
         sizes.size(), x[axis], context.output_count());
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    Shape y = x;
    y[axis] = static_cast<int32_t>(sizes[i]);
    context.set_output(i, y);
  }
}

void infer_pack(ShapeContext& context) {
  const Shape& x = context.shape(0);
  for (size_t i = 1; i < context.input_count(); ++i) {
    if (context.shape(i) != x) fail_shapes(x, context.shape(i));
  }
  const int axis = normalized_axis(context.op.as<PackAttributes>().axis, x.rank() + 1);
  std::vector<int32_t> dims = x.dims();
  dims.insert(dims.begin() + axis, static_cast<int32_t>(context.input_count()));
  context.set_output(0, Shape(std::move(dims)));
}

void infer_unpack(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const int axis = normalized_axis(context.op.as<UnpackAttributes>().axis, x.rank());
  if (static_cast<int64_t>(context.output_count()) != x[axis]) {
    fail(ErrorKind::bad_file, "unpacks an axis of size {} into {} results", x[axis],
         context.output_count());
  }
  std::vector<int32_t> dims = x.dims();
  dims.erase(dims.begin() + axis);
  for (size_t i = 0; i < context.output_count(); ++i) context.set_output(i, Shape(dims));
}

OpDef many_results(OpDef def) {
  def.min_outputs = 1;
  def.max_outputs = -1;
  return def;
}

}  // namespace

void define_concat(OpTable& table) {
  table[OpType::concatenation] = row(1, -1, infer_concatenation, same_scale());
  table[OpType::split] = many_results(row(2, 2, infer_split, same_scale()));
  table[OpType::split_v] = many_results(row(3, 3, infer_split_v, same_scale()));
  table[OpType::pack] = row(1, -1, infer_pack, same_scale());
  table[OpType::unpack] = many_results(row(1, 1, infer_unpack, same_scale()));
}

}  // namespace smelt
