#include <algorithm>

#include "smelt/ops/families.h"

namespace smelt {
namespace {

void infer_fill(ShapeContext& context) { context.set_output(0, checked_shape(context.values(0))); }

/// start, limit, delta (integers; of floats the recorded shape has to do).
void infer_range(ShapeContext& context) {
  if (!context.input(0).values || !context.input(1).values || !context.input(2).values) {
    if (context.output(0).rank() == 1 && context.output(0).known()) return;
    fail(ErrorKind::unsupported, "the number of its values depends on data");
  }
  const int64_t start = scalar_value(context, 0);
  const int64_t limit = scalar_value(context, 1);
  const int64_t delta = scalar_value(context, 2);
  int64_t span = 0;
  if (delta == 0 || delta == INT64_MIN || __builtin_sub_overflow(limit, start, &span) ||
      span == INT64_MIN || (span > 0) != (delta > 0)) {
    if (delta != 0 && span == 0) {
      context.set_output(0, {0});
      return;
    }
    fail(ErrorKind::bad_file, "counts from {} to {} in steps of {}", start, limit, delta);
  }
  const int64_t steps = span > 0 ? (span - 1) / delta + 1 : (-span - 1) / -delta + 1;
  context.set_output(0, checked_shape({steps}));
}

void infer_shape_of(ShapeContext& context) { context.set_output(0, {context.shape(0).rank()}); }

void infer_scalar(ShapeContext& context) { context.set_output(0, {}); }

void infer_broadcast_args(ShapeContext& context) {
  need_rank(context, 0, 1);
  need_rank(context, 1, 1);
  context.set_output(0, {std::max(context.shape(0)[0], context.shape(1)[0])});
}

void infer_random(ShapeContext& context) {
  context.set_output(0, checked_shape(context.values(0)));
}

}  // namespace

void define_fill(OpTable& table) {
  table[OpType::fill] = row(2, 2, infer_fill, same_scale());
  table[OpType::range] = row(3, 3, infer_range, float_only(kNotNumbers));
  table[OpType::shape] = row(1, 1, infer_shape_of, no_scale());
  table[OpType::rank] = row(1, 1, infer_scalar, no_scale());
  table[OpType::zeros_like] = row(1, 1, infer_same, float_only("its result has no observed range"));
  table[OpType::broadcast_args] = row(2, 2, infer_broadcast_args, no_scale());
  table[OpType::random_uniform] = row(1, 1, infer_random, float_only(kNoKernel));
  table[OpType::random_standard_normal] = row(1, 1, infer_random, float_only(kNoKernel));
}

}  // namespace smelt
