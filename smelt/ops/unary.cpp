#include "smelt/ops/families.h"

namespace smelt {

void define_unary(OpTable& table) {
  table[OpType::abs] = row(1, 1, infer_same, calibrated());
  table[OpType::rsqrt] = row(1, 1, infer_same, calibrated());
  for (const OpType type :
       {OpType::ceil, OpType::cos, OpType::exp, OpType::floor, OpType::log, OpType::neg,
        OpType::round, OpType::sign, OpType::sin, OpType::sqrt, OpType::square}) {
    table[type] = row(1, 1, infer_same, float_only(kNoKernel));
  }
  for (const OpType type :
       {OpType::logical_not, OpType::bucketize, OpType::imag, OpType::real, OpType::complex_abs}) {
    table[type] = row(1, 1, infer_same, float_only(kNotNumbers));
  }
  table[OpType::fake_quant] = row(1, 1, infer_same, float_only(kNoKernel));
  table[OpType::densify] = row(1, 1, infer_same, float_only("only constants pass through it"));

  // Conversions of type keep the shape.
  table[OpType::cast] = row(1, 1, infer_same, float_only(kNotNumbers));
  table[OpType::quantize] = row(1, 1, infer_same, calibrated());
  table[OpType::dequantize] = row(1, 1, infer_same, calibrated());
}

}  // namespace smelt
