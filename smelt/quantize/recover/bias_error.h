#pragma once

#include "smelt/quantize/recover/layer_problem.h"

namespace smelt {

/// By channel (the last axis): the mean of float minus quantized results, over those quantized
/// results that the activation and the range of their type do not clamp (their error follows the
/// bias, others do not); 0 where fewer than 1 % are such.
std::vector<double> mean_errors(const LayerInput& floats, const LayerInput& quantized,
                                const std::vector<int64_t>& samples, Activation activation,
                                int threads);

}  // namespace smelt
