#include "smelt/ops/families.h"

namespace smelt {
namespace {

void infer_broadcast(ShapeContext& context) {
  context.set_output(0, broadcast(context.shape(0), context.shape(1)));
}

void infer_add_n(ShapeContext& context) {
  for (size_t i = 1; i < context.input_count(); ++i) {
    if (context.shape(i) == context.shape(0)) continue;
    fail(ErrorKind::bad_file, "operands have the shapes {} and {}", to_string(context.shape(0)),
         to_string(context.shape(i)));
  }
  infer_same(context);
}

}  // namespace

void define_binary(OpTable& table) {
  for (const OpType type : {OpType::add, OpType::sub, OpType::mul, OpType::squared_difference}) {
    table[type] = row(2, 2, infer_broadcast, calibrated());
  }
  for (const OpType type : {OpType::maximum, OpType::minimum}) {
    table[type] = row(2, 2, infer_broadcast, same_scale());
  }
  table[OpType::div] = row(2, 2, infer_broadcast, float_only(kNoLiteRtKernel));
  for (const OpType type : {OpType::floor_div, OpType::floor_mod, OpType::pow, OpType::atan2}) {
    table[type] = row(2, 2, infer_broadcast, float_only(kNoKernel));
  }
  for (const OpType type : {OpType::equal, OpType::not_equal, OpType::greater,
                            OpType::greater_equal, OpType::less, OpType::less_equal}) {
    table[type] = row(2, 2, infer_broadcast, no_scale());
  }
  for (const OpType type :
       {OpType::logical_and, OpType::logical_or, OpType::bitwise_xor, OpType::right_shift}) {
    table[type] = row(2, 2, infer_broadcast, float_only(kNotNumbers));
  }
  for (const OpType type :
       {OpType::stablehlo_add, OpType::stablehlo_multiply, OpType::stablehlo_maximum,
        OpType::stablehlo_minimum, OpType::stablehlo_and, OpType::stablehlo_shift_left}) {
    table[type] = row(2, 2, infer_same, float_only(kNoKernel));
  }
  table[OpType::add_n] = row(1, -1, infer_add_n, float_only(kNoLiteRtKernel));
}

}  // namespace smelt
