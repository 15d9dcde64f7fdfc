#include "smelt/base/bytes.h"
#include "smelt/ops/families.h"

namespace smelt {
namespace {

void infer_transpose(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const std::vector<int64_t>& order = context.values(1);
  std::vector<bool> seen(static_cast<size_t>(x.rank()), false);
  if (order.size() != seen.size()) {
    fail(ErrorKind::bad_file, "permutes {} axes of {}", order.size(), to_string(x));
  }
  std::vector<int32_t> dims;
  for (const int64_t axis : order) {
    const int i = normalized_axis(axis, x.rank());
    if (seen[static_cast<size_t>(i)]) fail(ErrorKind::bad_file, "axis {} occurs twice", axis);
    seen[static_cast<size_t>(i)] = true;
    dims.push_back(x[i]);
  }
  context.set_output(0, Shape(std::move(dims)));
}

void infer_tile(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const std::vector<int64_t>& repeats = context.values(1);
  if (static_cast<int>(repeats.size()) != x.rank()) {
    fail(ErrorKind::bad_file, "repeats {} axes of {}", repeats.size(), to_string(x));
  }
  std::vector<int64_t> dims;
  for (int i = 0; i < x.rank(); ++i) {
    dims.push_back(checked_mul(x[i], repeats[static_cast<size_t>(i)], "size of a repeated axis"));
  }
  context.set_output(0, checked_shape(dims));
}

void infer_broadcast_to(ShapeContext& context) {
  const Shape y = checked_shape(context.values(1));
  if (broadcast(context.shape(0), y) != y) {
    fail(ErrorKind::bad_file, "{} does not broadcast to {}", to_string(context.shape(0)),
         to_string(y));
  }
  context.set_output(0, y);
}

void infer_matrix_diag(ShapeContext& context) {
  std::vector<int32_t> dims = context.shape(0).dims();
  if (dims.empty()) fail(ErrorKind::bad_file, "operand 0 is a scalar");
  dims.push_back(dims.back());
  context.set_output(0, Shape(std::move(dims)));
}

/// x, dilations [rank], padding -> each axis (size - 1) * dilation + 1.
void infer_dilate(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const std::vector<int64_t>& dilations = context.values(1);
  if (static_cast<int>(dilations.size()) != x.rank()) {
    fail(ErrorKind::bad_file, "dilates {} axes of {}", dilations.size(), to_string(x));
  }
  std::vector<int64_t> dims;
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t dilation = dilations[static_cast<size_t>(i)];
    if (dilation < 1) fail(ErrorKind::bad_file, "dilates axis {} by {}", i, dilation);
    dims.push_back(x[i] > 0 ? checked_mul(x[i] - 1, dilation, "size of a dilated axis") + 1 : 0);
  }
  context.set_output(0, checked_shape(dims));
}

}  // namespace

void define_layout(OpTable& table) {
  table[OpType::transpose] = row(2, 2, infer_transpose, same_scale());
  table[OpType::reverse_v2] = row(2, 2, infer_same, same_scale());
  table[OpType::reverse_sequence] = row(2, 2, infer_same, float_only(kNoKernel));
  table[OpType::tile] = row(2, 2, infer_tile, float_only(kNoKernel));
  table[OpType::broadcast_to] = row(2, 2, infer_broadcast_to, same_scale());
  table[OpType::dilate] = row(3, 3, infer_dilate, float_only(kNoKernel));
  table[OpType::matrix_diag] = row(1, 1, infer_matrix_diag, float_only(kNoKernel));
  table[OpType::matrix_set_diag] = row(2, 2, infer_same, float_only(kNoKernel));
}

}  // namespace smelt
