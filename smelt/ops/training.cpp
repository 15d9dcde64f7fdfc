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

void need_shape(const ShapeContext& context, size_t i, const Shape& expected) {
  if (!context.has(i) || context.shape(i) == expected) return;
  fail(ErrorKind::bad_file, "operand {} has shape {}, expected {}", i, to_string(context.shape(i)),
       to_string(expected));
}

/// See RecurrentAttributes.
void infer_recurrent(ShapeContext& context) {
  const auto& a = context.op.as<RecurrentAttributes>();
  for (size_t i = 0; i < 3; ++i) need_rank(context, i, i == 0 ? 3 : 2);
  const Shape& x = context.shape(0);
  const int32_t units = context.shape(2)[1];
  if (x[1] < 1 || x[2] < 1 || units < 1) {
    fail(ErrorKind::bad_file, "{} units over a sequence of shape {}", units, to_string(x));
  }
  const Shape gates = checked_shape({int64_t{a.gates()} * units});
  need_shape(context, 1, {gates[0], x[2]});
  need_shape(context, 2, {gates[0], units});
  need_shape(context, 3, gates);
  need_shape(context, 4, gates);
  need_shape(context, 5, {x[0], x[1]});
  const Shape state = {x[0], units};
  for (size_t i = 6; i < 8; ++i) need_shape(context, i, state);
  const size_t outputs = context.output_count();
  if (outputs != 1 && outputs != 1 + a.states()) {
    fail(ErrorKind::bad_file, "it has {} results; 1 or {} are needed", outputs, 1 + a.states());
  }
  context.set_output(0, a.return_sequences ? Shape{x[0], x[1], units} : state);
  for (size_t i = 1; i < outputs; ++i) context.set_output(i, state);
}

}  // namespace

void define_training(OpTable& table) {
  table[OpType::batch_normalization] =
      row(5, 5, infer_batch_normalization, float_only(kTrainingForm));
  table[OpType::dropout] = row(1, 1, infer_same, float_only(kTrainingForm));
  table[OpType::recurrent] = row(3, 8, infer_recurrent, float_only(kTrainingForm));
  table[OpType::recurrent].max_outputs = 3;
}

}  // namespace smelt
