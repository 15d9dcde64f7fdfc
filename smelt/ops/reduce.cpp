#include <algorithm>

#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x, axes [k] -> the other axes, or those axes as 1 with keep_dims.
void infer_reduce(ShapeContext& context) {
  const Shape& x = context.shape(0);
  std::vector<bool> reduced(static_cast<size_t>(x.rank()), false);
  for (const int64_t axis : context.values(1)) {
    if (x.rank() == 0 && (axis == 0 || axis == -1)) continue;  // a scalar reduces to itself
    reduced[static_cast<size_t>(normalized_axis(axis, x.rank()))] = true;
  }
  const bool keep = context.op.as<ReduceAttributes>().keep_dims;
  std::vector<int32_t> dims;
  for (int i = 0; i < x.rank(); ++i) {
    if (!reduced[static_cast<size_t>(i)]) {
      dims.push_back(x[i]);
    } else if (keep) {
      dims.push_back(1);
    }
  }
  context.set_output(0, Shape(std::move(dims)));
}

/// x, axis [1] -> x without that axis.
void infer_arg(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const int axis = normalized_axis(scalar_value(context, 1), x.rank());
  std::vector<int32_t> dims = x.dims();
  dims.erase(dims.begin() + axis);
  context.set_output(0, Shape(std::move(dims)));
}

/// x [..., C], k -> values and indices [..., k].
void infer_top_k(ShapeContext& context) {
  Shape y = context.shape(0);
  const int64_t k = scalar_value(context, 1);
  if (y.rank() < 1 || k < 0 || k > y.back()) {
    fail(ErrorKind::bad_file, "takes {} of the elements of shape {}", k, to_string(y));
  }
  y[y.rank() - 1] = static_cast<int32_t>(k);
  context.set_output(0, y);
  context.set_output(1, y);
}

}  // namespace

void define_reduce(OpTable& table) {
  table[OpType::mean] = row(2, 2, infer_reduce, calibrated());
  table[OpType::sum] = row(2, 2, infer_reduce, calibrated());
  table[OpType::reduce_max] = row(2, 2, infer_reduce, same_scale());
  table[OpType::reduce_min] = row(2, 2, infer_reduce, same_scale());
  table[OpType::reduce_prod] = row(2, 2, infer_reduce, float_only(kNoKernel));
  table[OpType::reduce_any] = row(2, 2, infer_reduce, float_only(kNotNumbers));
  table[OpType::reduce_all] = row(2, 2, infer_reduce, float_only(kNotNumbers));
  table[OpType::arg_max] = row(2, 2, infer_arg, no_scale());
  table[OpType::arg_min] = row(2, 2, infer_arg, no_scale());
  table[OpType::topk_v2] = row(2, 2, infer_top_k, float_only(kNoKernel));
  table[OpType::topk_v2].min_outputs = table[OpType::topk_v2].max_outputs = 2;
  table[OpType::cumsum] = row(2, 2, infer_same, float_only(kNoLiteRtKernel));
}

}  // namespace smelt
