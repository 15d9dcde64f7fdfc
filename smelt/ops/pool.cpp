#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [N,H,W,C] -> [N,Ho,Wo,C].
void infer_pool(ShapeContext& context) {
  need_rank(context, 0, 4);
  const auto& a = context.op.as<Pool2DAttributes>();
  const Shape& x = context.shape(0);
  context.set_output(0, {x[0], window_output_size(a.padding, x[1], a.filter_h, a.stride_h, 1),
                         window_output_size(a.padding, x[2], a.filter_w, a.stride_w, 1), x[3]});
}

}  // namespace

void define_pool(OpTable& table) {
  table[OpType::average_pool_2d] = row(1, 1, infer_pool, same_scale());
  table[OpType::max_pool_2d] = row(1, 1, infer_pool, same_scale());
  table[OpType::l2_pool_2d] = row(1, 1, infer_pool, float_only(kNoKernel));
}

}  // namespace smelt
