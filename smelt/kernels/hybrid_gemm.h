#pragma once

#include <optional>

#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/window.h"

namespace smelt {

/// A hybrid convolution of one group, `images` times, by the packed matrix product: the same sums,
/// and so the same floats, as hybrid_kernel gives with plain loops. Weights are operand 1,
/// [outputs, window.cells() * inputs]. A dense layer is the convolution of a row as one pixel.
/// Nothing where weights are no constant, or so many that a sum could pass 2^30.
std::optional<Kernel> hybrid_conv_gemm(const PrepareArgs& args, const Hybrid& op,
                                       const Window& window, int64_t images, int64_t inputs);

}  // namespace smelt
