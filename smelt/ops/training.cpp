#include "smelt/ops/families.h"

namespace smelt {
namespace {

constexpr std::string_view kTrainingForm = "it exists only in training form; passes lower it";

/// x [..., C along `axis`], gamma, beta, mean, variance [C] -> x's shape.
void infer_batch_normalization(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const int axis = normalized_axis(context.op.as<BatchNormalizationAttributes>().axis, x.rank());
  for (size_t i = 1; i < context.input_count(); ++i) {
    if (!context.has(i) || context.shape(i) == Shape{x[axis]}) continue;
    fail(ErrorKind::bad_file, "operand {} has shape {}, expected [{}]", i,
         to_string(context.shape(i)), x[axis]);
  }
  infer_same(context);
}

}  // namespace

void define_training(OpTable& table) {
  table[OpType::batch_normalization] =
      row(5, 5, infer_batch_normalization, float_only(kTrainingForm));
  table[OpType::dropout] = row(1, 1, infer_same, float_only(kTrainingForm));
}

}  // namespace smelt
