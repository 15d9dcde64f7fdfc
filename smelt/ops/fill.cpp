#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "smelt/ops/families.h"

namespace smelt {
namespace {

void infer_fill(ShapeContext& context) { context.set_output(0, checked_shape(context.values(0))); }

int64_t float_steps(const ShapeContext& context) {
  std::array<float, 3> values{};
  for (size_t i = 0; i < 3; ++i) {
    const ByteView data = context.data(i);
    if (data.size() != sizeof(float)) {
      fail(ErrorKind::bad_file, "operand {} holds {} bytes, expected one value", i, data.size());
    }
    std::memcpy(&values[i], data.data(), sizeof(float));
  }
  // The quotient is one of floats (LiteRT, range.cc, GetSize).
  const float steps = std::ceil(std::abs((values[1] - values[0]) / values[2]));
  const bool towards = values[2] > 0 ? values[0] <= values[1] : values[0] >= values[1];
  if (!towards || values[2] == 0 || !(steps < 2147483648.0f)) {
    fail(ErrorKind::bad_file, "counts from {} to {} in steps of {}", values[0], values[1],
         values[2]);
  }
  return static_cast<int64_t>(steps);
}

int64_t integer_steps(const ShapeContext& context) {
  const int64_t start = scalar_value(context, 0);
  const int64_t limit = scalar_value(context, 1);
  const int64_t delta = scalar_value(context, 2);
  int64_t span = 0;
  const bool fits = delta != 0 && delta != INT64_MIN &&
                    !__builtin_sub_overflow(limit, start, &span) && span != INT64_MIN;
  if (fits && span == 0) return 0;
  if (!fits || (span > 0) != (delta > 0)) {
    fail(ErrorKind::bad_file, "counts from {} to {} in steps of {}", start, limit, delta);
  }
  return span > 0 ? (span - 1) / delta + 1 : (-span - 1) / -delta + 1;
}

/// start, limit, delta.
void infer_range(ShapeContext& context) {
  const bool real = context.input(0).type == DataType::float32;
  context.set_output(0, checked_shape({real ? float_steps(context) : integer_steps(context)}));
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
