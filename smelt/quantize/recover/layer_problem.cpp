#include "smelt/quantize/recover/layer_problem.h"

#include <algorithm>
#include <limits>

#include "smelt/base/parallel.h"
#include "smelt/kernels/gemm.h"

namespace smelt {
namespace {

/// Patches of every group, [groups, patches, K].
struct Patches {
  int64_t count = 0;
  std::vector<float> quantized, floats;
};

/// Enough patches to tell K weights apart, within 128 MiB and some billion operations.
int64_t patch_count(const LayerGeometry& g, int64_t samples) {
  constexpr double kOperations = 3e10;
  constexpr int64_t kValues = int64_t{1} << 25;
  const int64_t size = g.patch_size();
  const auto affordable = static_cast<int64_t>(
      kOperations / (2.0 * static_cast<double>(size) * static_cast<double>(size * g.groups)));
  const int64_t wanted = std::max(std::min<int64_t>(16384, affordable), size);
  const int64_t most = std::max<int64_t>(kValues / (size * g.groups), 256);
  return std::min({wanted, most, samples * g.positions()});
}

void copy_patches(const LayerData& data, const LayerInput& input, int64_t begin, int64_t end,
                  int64_t sample_index, int64_t count, std::vector<float>& into) {
  const LayerGeometry& g = data.geometry;
  std::vector<float> x;
  load_sample(*input.activations, input.form, data.samples[static_cast<size_t>(sample_index)],
              input.id, x);
  const int64_t all = static_cast<int64_t>(data.samples.size()) * g.positions();
  for (int64_t i = begin; i < end; ++i) {
    const int64_t position = i * all / count - sample_index * g.positions();
    for (int64_t group = 0; group < g.groups; ++group) {
      g.copy_patch(x.data(), position, group,
                   &into[static_cast<size_t>((group * count + i) * g.patch_size())]);
    }
  }
}

/// Patch i is at position i * all / count of the positions of all samples.
Patches collect(const LayerData& data, int threads) {
  const LayerGeometry& g = data.geometry;
  const auto samples = static_cast<int64_t>(data.samples.size());
  Patches patches{.count = patch_count(g, samples)};
  const auto size = static_cast<size_t>(g.groups * patches.count * g.patch_size());
  patches.quantized.resize(size);
  patches.floats.resize(size);
  const int64_t all = samples * g.positions();
  const auto first_of = [&](int64_t sample) {
    const int64_t at = sample * g.positions() * patches.count;
    return (at + all - 1) / all;
  };
  parallel_for(samples, threads, [&](int, int64_t sample) {
    const int64_t begin = first_of(sample), end = first_of(sample + 1);
    if (begin == end) return;
    copy_patches(data, data.quantized, begin, end, sample, patches.count, patches.quantized);
    copy_patches(data, data.floats, begin, end, sample, patches.count, patches.floats);
  });
  return patches;
}

/// [rows, columns] -> [columns, rows].
std::vector<float> transposed(const float* from, int64_t rows, int64_t columns) {
  constexpr int64_t kTile = 32;
  std::vector<float> to(static_cast<size_t>(rows * columns));
  for (int64_t r = 0; r < rows; r += kTile) {
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t i = r; i < std::min(r + kTile, rows); ++i) {
        to[static_cast<size_t>(c * rows + i)] = from[i * columns + c];
      }
    }
  }
  return to;
}

constexpr FloatRange kAnything{-std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::infinity()};

/// y[m, gemm.n] = x[m, gemm.k] times the packed weights.
std::vector<float> product(const FloatGemm& gemm, const float* x, int64_t m, int threads) {
  constexpr int64_t kTile = 48;
  std::vector<float> y(static_cast<size_t>(m * gemm.n));
  parallel_for((m + kTile - 1) / kTile, threads, [&](int, int64_t tile) {
    const int64_t first = tile * kTile;
    const float* rows = x + first * gemm.k;
    gemm.run(gemm, {.segments = &rows, .count = 1, .stride = gemm.k}, std::min(kTile, m - first),
             y.data() + first * gemm.n, gemm.n);
  });
  return y;
}

std::vector<double> row_means(const std::vector<float>& matrix, int64_t columns) {
  std::vector<double> means(matrix.size() / static_cast<size_t>(columns));
  for (size_t r = 0; r < means.size(); ++r) {
    double sum = 0;
    for (int64_t i = 0; i < columns; ++i) {
      sum += matrix[r * static_cast<size_t>(columns) + static_cast<size_t>(i)];
    }
    means[r] = sum / static_cast<double>(columns);
  }
  return means;
}

/// sums / count, less the product of means where these are given.
std::vector<double> moments(const std::vector<float>& sums, int64_t count,
                            const std::vector<double>& row_mean,
                            const std::vector<double>& column_mean, bool centred) {
  std::vector<double> result(sums.size());
  const size_t columns = column_mean.size();
  for (size_t i = 0; i < sums.size(); ++i) {
    result[i] = sums[i] / static_cast<double>(count);
    if (centred) result[i] -= row_mean[i / columns] * column_mean[i % columns];
  }
  return result;
}

float weight_of(const LayerData& data, int64_t output, int64_t k) {
  return data.weights[static_cast<size_t>(data.geometry.weight_index(output, k))];
}

/// Float results before their activation, [outputs of the group, patches].
std::vector<float> float_results(const LayerData& data, const float* patches, int64_t count,
                                 int64_t group, int threads) {
  const LayerGeometry& g = data.geometry;
  const int64_t first = group * g.group_outputs();
  const FloatGemm gemm = pack_float_gemm(
      g.group_outputs(), g.patch_size(), data.bias.empty() ? nullptr : data.bias.data() + first,
      kAnything, [&](int64_t n, int64_t k) { return weight_of(data, first + n, k); });
  const std::vector<float> results = product(gemm, patches, count, threads);
  return transposed(results.data(), count, g.group_outputs());
}

double trace(const LayerProblem& problem) {
  const auto size = static_cast<size_t>(problem.size);
  double sum = 0;
  for (size_t i = 0; i < size; ++i) sum += problem.h[i * size + i];
  return sum;
}

LayerProblem group_problem(const LayerData& data, const Patches& patches, int64_t group,
                           bool centred, int threads) {
  const int64_t size = data.geometry.patch_size(), count = patches.count;
  const auto offset = static_cast<size_t>(group * count * size);
  const std::vector<float> x = transposed(&patches.quantized[offset], count, size);
  const std::vector<float> t = float_results(data, &patches.floats[offset], count, group, threads);
  const FloatGemm by_x =
      pack_float_gemm(size, count, nullptr, kAnything,
                      [&](int64_t n, int64_t k) { return x[static_cast<size_t>(n * count + k)]; });
  LayerProblem problem{.size = size};
  const int64_t first = group * data.geometry.group_outputs();
  problem.mean_x = row_means(x, count);
  problem.mean_t = row_means(t, count);
  // The bias stays as it is where means are not taken out: it is no part of what weights give.
  std::vector<float> h = product(by_x, x.data(), size, threads);
  problem.h = moments(h, count, problem.mean_x, problem.mean_x, centred);
  std::vector<float> g = product(by_x, t.data(), data.geometry.group_outputs(), threads);
  problem.g = moments(g, count, problem.mean_t, problem.mean_x, centred);
  if (!centred && !data.bias.empty()) {
    for (size_t i = 0; i < problem.g.size(); ++i) {
      const size_t output = static_cast<size_t>(first) + i / static_cast<size_t>(size);
      problem.g[i] -= data.bias[output] * problem.mean_x[i % static_cast<size_t>(size)];
    }
  }
  for (int64_t o = first; o < first + data.geometry.group_outputs(); ++o) {
    for (int64_t k = 0; k < size; ++k) problem.weights.push_back(weight_of(data, o, k));
  }
  return trace(problem) > 0 ? problem : LayerProblem{};
}

}  // namespace

LayerProblem damped(const LayerProblem& problem, double damping) {
  LayerProblem result = problem;
  const auto size = static_cast<size_t>(problem.size);
  const double lambda = damping * trace(problem) / static_cast<double>(size);
  for (size_t i = 0; i < size; ++i) result.h[i * size + i] += lambda;
  for (size_t i = 0; i < result.g.size(); ++i) result.g[i] += lambda * problem.weights[i];
  return result;
}

std::vector<LayerProblem> layer_problems(const LayerData& data, bool centred, int threads) {
  const int64_t groups = data.geometry.groups;
  const Patches patches = collect(data, threads);
  std::vector<LayerProblem> problems(static_cast<size_t>(groups));
  const bool by_group = groups > 1;
  parallel_for(groups, by_group ? threads : 1, [&](int, int64_t group) {
    problems[static_cast<size_t>(group)] =
        group_problem(data, patches, group, centred, by_group ? 1 : threads);
  });
  return problems;
}

}  // namespace smelt
