#include "smelt/quantize/recover/linear_algebra.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/parallel.h"

namespace smelt {
namespace {

constexpr int64_t kBlock = 64;

/// Columns [first, end) of row i, from the columns before `first` that are done.
void subtract_done(double* row, const std::vector<double>& a, int64_t n, int64_t first,
                   int64_t end) {
  for (int64_t j = first; j < end; ++j) row[j] -= dot(row, &a[static_cast<size_t>(j * n)], first);
}

/// The same columns, within the block; the rows of the block above are done.
void solve_block(double* row, const std::vector<double>& a, int64_t n, int64_t first, int64_t end) {
  for (int64_t j = first; j < end; ++j) {
    const double* done = &a[static_cast<size_t>(j * n)];
    row[j] = (row[j] - dot(row + first, done + first, j - first)) / done[j];
  }
}

}  // namespace

bool cholesky(std::vector<double>& a, int64_t n, int threads) {
  const auto row = [&](int64_t i) { return &a[static_cast<size_t>(i * n)]; };
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t end = std::min(first + kBlock, n);
    for (int64_t i = first; i < end; ++i) {
      subtract_done(row(i), a, n, first, std::min(i + 1, end));
      solve_block(row(i), a, n, first, i);
      const double rest = row(i)[i] - dot(row(i) + first, row(i) + first, i - first);
      if (!(rest > 0)) return false;
      row(i)[i] = std::sqrt(rest);
    }
    const int64_t blocks = (n - end + kBlock - 1) / kBlock;
    parallel_for(blocks, threads, [&](int, int64_t block) {
      const int64_t from = end + block * kBlock;
      for (int64_t i = from; i < std::min(from + kBlock, n); ++i) {
        subtract_done(row(i), a, n, first, end);
        solve_block(row(i), a, n, first, end);
      }
    });
  }
  return true;
}

void solve_cholesky(const std::vector<double>& l, int64_t n, std::span<double> b) {
  for (int64_t i = 0; i < n; ++i) {
    const double* row = &l[static_cast<size_t>(i * n)];
    b[static_cast<size_t>(i)] = (b[static_cast<size_t>(i)] - dot(row, b.data(), i)) / row[i];
  }
  for (int64_t i = n; i-- > 0;) {
    const double* row = &l[static_cast<size_t>(i * n)];
    const double x = b[static_cast<size_t>(i)] /= row[i];
    add_scaled(-x, row, i, b.data());
  }
}

void multiply(std::span<const double> a, std::span<const double> x, std::span<double> y) {
  const auto n = static_cast<int64_t>(x.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = dot(&a[i * x.size()], x.data(), n);
}

}  // namespace smelt
