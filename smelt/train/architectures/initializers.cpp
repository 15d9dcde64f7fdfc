#include "smelt/train/architectures/initializers.h"

#include <cmath>
#include <numbers>

#include "smelt/base/error.h"

namespace smelt::train {
namespace {

/// Standard deviation of a standard normal cut off at +-2.
constexpr double kTruncatedDeviation = 0.87962566103423978;

/// Box and Muller (1958).
double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

std::vector<float> uniform(int64_t count, double limit, Random& random) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>((2 * random.uniform() - 1) * limit);
  return values;
}

double dot(const double* a, const double* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

std::vector<float> glorot_uniform(int64_t count, int64_t fan_in, int64_t fan_out, Random& random) {
  return uniform(count, std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)), random);
}

std::vector<float> small_uniform(int64_t count, Random& random) {
  return uniform(count, 0.05, random);
}

std::vector<float> he_normal(int64_t count, int64_t fan_in, Random& random) {
  const double deviation = std::sqrt(2.0 / static_cast<double>(fan_in)) / kTruncatedDeviation;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    double drawn = normal(random);
    while (std::abs(drawn) > 2) drawn = normal(random);
    value = static_cast<float>(drawn * deviation);
  }
  return values;
}

std::vector<float> orthogonal(int64_t rows, int64_t columns, Random& random) {
  SMELT_CHECK(rows >= columns);
  // Gram and Schmidt's method leaves the diagonal of R positive; done twice it is as exact as
  // reflections. Columns are kept as rows here.
  std::vector<double> basis(static_cast<size_t>(rows * columns));
  for (int64_t c = 0; c < columns; ++c) {
    double* column = basis.data() + c * rows;
    for (int64_t r = 0; r < rows; ++r) column[r] = normal(random);
    for (int round = 0; round < 2; ++round) {
      for (int64_t before = 0; before < c; ++before) {
        const double* other = basis.data() + before * rows;
        const double along = dot(column, other, rows);
        for (int64_t r = 0; r < rows; ++r) column[r] -= along * other[r];
      }
    }
    const double length = std::sqrt(dot(column, column, rows));
    for (int64_t r = 0; r < rows; ++r) column[r] /= length;
  }
  std::vector<float> values(basis.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      values[static_cast<size_t>(r * columns + c)] =
          static_cast<float>(basis[static_cast<size_t>(c * rows + r)]);
    }
  }
  return values;
}

}  // namespace smelt::train
