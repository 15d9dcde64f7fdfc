#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "smelt/base/random.h"

namespace smelt::train {

// First values of weights, with the distributions of Keras's initializers. The numbers depend on
// the state of `random` alone.

/// Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
std::vector<float> glorot_uniform(int64_t count, int64_t fan_in, int64_t fan_out, Random& random);

/// Normal of variance 2 / fan_in (He et al. 2015), cut off at two standard deviations of the normal
/// that is drawn from, which is widened by 1 / 0.8796 so that the variance is true behind the cut.
std::vector<float> he_normal(int64_t count, int64_t fan_in, Random& random);

/// Uniform in +-0.05, as Keras starts embeddings.
std::vector<float> small_uniform(int64_t count, Random& random);

/// A matrix [rows, columns], rows >= columns, whose columns are orthonormal: Q of the QR
/// factorization of a normal matrix, with the signs that make the diagonal of R positive (Saxe et
/// al. 2013).
std::vector<float> orthogonal(int64_t rows, int64_t columns, Random& random);

}  // namespace smelt::train
