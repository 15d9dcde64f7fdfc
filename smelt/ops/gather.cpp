#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [B..., O..., A, I...], indices [B..., J...] -> [B..., O..., J..., I...].
void infer_gather(ShapeContext& context) {
  const auto& a = context.op.as<GatherAttributes>();
  const Shape& x = context.shape(0);
  const Shape& indices = context.shape(1);
  const int axis = normalized_axis(a.axis, x.rank());
  const int64_t batch = a.batch_dims < 0 ? int64_t{a.batch_dims} + indices.rank() : a.batch_dims;
  if (batch < 0 || batch > axis || batch > indices.rank()) {
    fail(ErrorKind::bad_file, "gathers along axis {} with {} batch axes", a.axis, a.batch_dims);
  }
  for (int i = 0; i < batch; ++i) {
    if (x[i] == indices[i]) continue;
    fail(ErrorKind::bad_file, "batch axes of {} and {} differ", to_string(x), to_string(indices));
  }
  std::vector<int32_t> dims(x.dims().begin(), x.dims().begin() + axis);
  dims.insert(dims.end(), indices.dims().begin() + batch, indices.dims().end());
  dims.insert(dims.end(), x.dims().begin() + axis + 1, x.dims().end());
  context.set_output(0, Shape(std::move(dims)));
}

/// x, indices [J..., k] -> [J..., axes of x behind the first k].
void infer_gather_nd(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const Shape& indices = context.shape(1);
  if (indices.rank() < 1 || indices.back() > x.rank()) {
    fail(ErrorKind::bad_file, "indices {} do not fit {}", to_string(indices), to_string(x));
  }
  std::vector<int32_t> dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), x.dims().begin() + indices.back(), x.dims().end());
  context.set_output(0, Shape(std::move(dims)));
}

void infer_scatter_nd(ShapeContext& context) {
  context.set_output(0, checked_shape(context.values(2)));
}

void infer_sparse_to_dense(ShapeContext& context) {
  context.set_output(0, checked_shape(context.values(1)));
}

void infer_one_hot(ShapeContext& context) {
  const Shape& indices = context.shape(0);
  const int axis = normalized_axis(context.op.as<OneHotAttributes>().axis, indices.rank() + 1);
  const int64_t depth = scalar_value(context, 1);
  std::vector<int64_t> dims(indices.dims().begin(), indices.dims().end());
  dims.insert(dims.begin() + axis, depth);
  context.set_output(0, checked_shape(dims));
}

}  // namespace

void define_gather(OpTable& table) {
  table[OpType::gather] = row(2, 2, infer_gather, same_scale());
  table[OpType::gather_nd] = row(2, 2, infer_gather_nd, same_scale());
  table[OpType::scatter_nd] = row(3, 3, infer_scatter_nd, float_only(kNoKernel));
  table[OpType::sparse_to_dense] = row(4, 4, infer_sparse_to_dense, float_only(kNoKernel));
  table[OpType::one_hot] = row(4, 4, infer_one_hot, float_only(kNoKernel));
}

}  // namespace smelt
