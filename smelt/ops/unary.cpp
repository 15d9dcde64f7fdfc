#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [..., H, W], lengths [2] -> [..., lengths[0], lengths[1] / 2 + 1].
void infer_rfft_2d(ShapeContext& context) {
  std::vector<int64_t> dims(context.shape(0).dims().begin(), context.shape(0).dims().end());
  const std::vector<int64_t>& lengths = context.values(1);
  if (dims.size() < 2 || lengths.size() != 2) {
    fail(ErrorKind::bad_file, "transforms shape {} with {} lengths", to_string(context.shape(0)),
         lengths.size());
  }
  dims[dims.size() - 2] = lengths[0];
  dims[dims.size() - 1] = lengths[1] / 2 + 1;
  context.set_output(0, checked_shape(dims));
}

}  // namespace

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
  table[OpType::rfft2d] = row(2, 2, infer_rfft_2d, float_only(kNotNumbers));
  table[OpType::fake_quant] = row(1, 1, infer_same, float_only(kNoKernel));
  table[OpType::densify] = row(1, 1, infer_same, float_only("only constants pass through it"));

  // Conversions of type keep the shape.
  table[OpType::cast] = row(1, 1, infer_same, float_only(kNotNumbers));
  table[OpType::quantize] = row(1, 1, infer_same, calibrated());
  table[OpType::dequantize] = row(1, 1, infer_same, calibrated());
}

}  // namespace smelt
