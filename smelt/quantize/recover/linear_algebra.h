#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace smelt {

// Symmetric positive definite matrices [n,n] of doubles, rows one after another.

/// L of A = L L^T in place: its lower triangle; above the diagonal stay old values. False where A
/// is not positive definite. The result does not depend on the number of threads.
bool cholesky(std::vector<double>& a, int64_t n, int threads);

/// Solves L L^T x = b in place.
void solve_cholesky(const std::vector<double>& l, int64_t n, std::span<double> b);

/// y = A x.
void multiply(std::span<const double> a, std::span<const double> x, std::span<double> y);

double dot(const double* a, const double* b, int64_t count);

/// y += factor * x.
void add_scaled(double factor, const double* x, int64_t count, double* y);

}  // namespace smelt
