#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [..., I], w [O,I] -> [N,O] where N covers all but the last axis, or [..., O].
void infer_fully_connected(ShapeContext& context) {
  need_rank(context, 1, 2);
  const auto& a = context.op.as<FullyConnectedAttributes>();
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  const int64_t elements = x.elements();
  if (w[1] < 1 || elements % w[1] != 0 || (a.keep_num_dims && (!x.rank() || x.back() != w[1]))) {
    fail(ErrorKind::bad_file, "weights {} do not fit an input of shape {}", to_string(w),
         to_string(x));
  }
  Shape y = x;
  if (a.keep_num_dims) {
    y[y.rank() - 1] = w[0];
  } else {
    y = checked_shape({elements / w[1], w[0]});
  }
  context.set_output(0, y);
}

/// x [..., M,K], y [..., K,N] -> [..., M,N]; leading axes broadcast.
void infer_batch_matmul(ShapeContext& context) {
  const auto& a = context.op.as<BatchMatMulAttributes>();
  const Shape& x = context.shape(0);
  const Shape& y = context.shape(1);
  const int rx = x.rank();
  const int ry = y.rank();
  if (rx < 2 || ry < 2) fail(ErrorKind::bad_file, "an operand has rank {}", rx < 2 ? rx : ry);
  const int32_t m = a.adj_x ? x[rx - 1] : x[rx - 2];
  const int32_t kx = a.adj_x ? x[rx - 2] : x[rx - 1];
  const int32_t ky = a.adj_y ? y[ry - 1] : y[ry - 2];
  const int32_t n = a.adj_y ? y[ry - 2] : y[ry - 1];
  if (kx != ky) {
    fail(ErrorKind::bad_file, "shapes {} and {} do not multiply", to_string(x), to_string(y));
  }
  const Shape batch = broadcast(Shape(std::vector<int32_t>(x.dims().begin(), x.dims().end() - 2)),
                                Shape(std::vector<int32_t>(y.dims().begin(), y.dims().end() - 2)));
  std::vector<int32_t> dims = batch.dims();
  dims.push_back(m);
  dims.push_back(n);
  context.set_output(0, Shape(std::move(dims)));
}

/// ids [...], table [V, ...rest] -> [..., ...rest].
void infer_embedding_lookup(ShapeContext& context) {
  std::vector<int32_t> dims = context.shape(0).dims();
  const Shape& rows = context.shape(1);
  for (int i = 1; i < rows.rank(); ++i) dims.push_back(rows[i]);
  context.set_output(0, Shape(std::move(dims)));
}

}  // namespace

void define_dense(OpTable& table) {
  QuantizationRule dense = calibrated();
  dense.weight = 1;
  dense.weight_axis = 0;
  dense.bias = 2;
  table[OpType::fully_connected] = row(2, 3, infer_fully_connected, dense);
  table[OpType::fully_connected].max_outputs = 2;  // shuffled weights have a workspace
  table[OpType::batch_matmul] = row(2, 2, infer_batch_matmul, calibrated());
  table[OpType::embedding_lookup] = row(2, 2, infer_embedding_lookup, float_only(kNoKernel));
}

}  // namespace smelt
