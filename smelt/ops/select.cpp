#include "smelt/ops/families.h"

namespace smelt {
namespace {

void infer_select(ShapeContext& context) { context.set_output(0, context.shape(1)); }

void infer_select_v2(ShapeContext& context) {
  context.set_output(0, broadcast(context.shape(0), broadcast(context.shape(1), context.shape(2))));
}

}  // namespace

void define_select(OpTable& table) {
  table[OpType::select] = row(3, 3, infer_select, float_only(kNoKernel));
  table[OpType::select_v2] = row(3, 3, infer_select_v2, same_scale());
}

}  // namespace smelt
