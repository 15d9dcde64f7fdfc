#pragma once

#include <string_view>
#include <vector>

#include "smelt/quantize/recipe.h"

namespace smelt {

/// How an entry of the LiteRT quantizer's recipes quantizes.
struct LitertMode {
  std::string_view algorithm;  ///< its algorithm_key
  Precision precision = Precision::float32;
  int weight_bits = 8;
  bool blockwise = false;
};

/// The ops that its default policy (default_policy.py, algorithm_manager.py) lets be quantized so:
/// a '*' means those, and the others keep what an earlier entry says.
std::vector<OpType> litert_ops(const LitertMode& mode);

/// The op by its name there, which differs for TRANSPOSE_CONV and CUSTOM; bad_argument for others.
OpType litert_op(std::string_view operation);

}  // namespace smelt
