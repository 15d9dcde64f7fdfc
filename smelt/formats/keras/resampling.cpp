#include "smelt/formats/keras/resampling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/dense.h"

namespace smelt::keras {
namespace {

/// What a cell at distance x (not negative) from the sample counts.
struct Kernel {
  std::string_view name;
  double radius;
  double (*weight)(double x, double radius);
};

double triangle(double x, double) { return std::max(0.0, 1 - x); }

double lanczos(double x, double radius) {
  if (x > radius) return 0;
  if (x <= 1e-3) return 1;
  constexpr double kPi = std::numbers::pi;
  return radius * std::sin(kPi * x) * std::sin(kPi * x / radius) / (kPi * kPi * x * x);
}

double gaussian(double x, double radius) {
  const double sigma = radius / 3;
  return x >= radius ? 0 : std::exp(-x * x / (2 * sigma * sigma));
}

double keys_cubic(double x, double) {
  if (x >= 2) return 0;
  if (x >= 1) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return (1.5 * x - 2.5) * x * x + 1;
}

double mitchell_cubic(double x, double) {
  if (x >= 2) return 0;
  if (x >= 1) return ((-7.0 / 18 * x + 2) * x - 10.0 / 3) * x + 16.0 / 9;
  return (7.0 / 6 * x - 2) * x * x + 8.0 / 9;
}

constexpr Kernel kKernels[] = {
    {"bilinear", 1, triangle}, {"bicubic", 2, keys_cubic},  {"lanczos3", 3, lanczos},
    {"lanczos5", 5, lanczos},  {"gaussian", 1.5, gaussian}, {"mitchellcubic", 2, mitchell_cubic},
};

const Kernel* find_kernel(const std::string& method) {
  const auto* found = std::find_if(std::begin(kKernels), std::end(kKernels),
                                   [&](const Kernel& kernel) { return kernel.name == method; });
  return found == std::end(kKernels) ? nullptr : found;
}

/// How much of each input cell the output cell covers.
void fill_area(std::span<float> row, int32_t index, double scale) {
  const double begin = index * scale, end = begin + scale;
  for (size_t i = 0; i < row.size(); ++i) {
    const auto cell = static_cast<double>(i);
    const double part = std::min(cell + 1, end) - std::max(cell, begin);
    row[i] = static_cast<float>(std::max(part, 0.0) / scale);
  }
}

void fill_kernel(std::span<float> row, double sample, const Kernel& kernel, double width) {
  const auto last = static_cast<double>(row.size() - 1);
  const double reach = kernel.radius * width;
  const auto first = static_cast<size_t>(std::clamp(std::ceil(sample - reach - 0.5), 0.0, last));
  const auto end = static_cast<size_t>(std::clamp(std::floor(sample + reach - 0.5), 0.0, last));
  double total = 0;
  for (size_t i = first; i <= end; ++i) {
    const double distance = std::abs(static_cast<double>(i) + 0.5 - sample) / width;
    const double weight = kernel.weight(distance, kernel.radius);
    row[i] = static_cast<float>(weight);
    total += weight;
  }
  if (total == 0) return;
  for (size_t i = first; i <= end; ++i) row[i] = static_cast<float>(row[i] / total);
}

TensorId resample_axis(GraphWriter& graph, TensorId x, int axis, int32_t size,
                       const std::string& method, bool antialias) {
  const Shape shape = graph.shape(x);
  const int last = shape.rank() - 1;
  const TensorId matrix =
      floats(graph, "resampling", resampling_matrix(method, shape[axis], size, antialias),
             {size, shape[axis]});
  const TensorId turned = move_axis(graph, x, axis, last);
  return move_axis(graph, fully_connected(graph, turned, matrix, TensorId::none), last, axis);
}

}  // namespace

std::vector<float> resampling_matrix(const std::string& method, int32_t in, int32_t out,
                                     bool antialias) {
  constexpr int64_t kMaxMatrix = 1 << 24;
  if (int64_t{in} * out > kMaxMatrix) {
    fail(ErrorKind::unsupported, "{} resizing from {} to {} cells is not supported", method, in,
         out);
  }
  const double scale = static_cast<double>(in) / out;
  std::vector<float> matrix(static_cast<size_t>(in) * static_cast<size_t>(out));
  const Kernel* kernel = find_kernel(method);
  for (int32_t o = 0; o < out; ++o) {
    const std::span<float> row(matrix.data() + static_cast<size_t>(o) * static_cast<size_t>(in),
                               static_cast<size_t>(in));
    if (method == "area") {
      fill_area(row, o, scale);
      continue;
    }
    double sample = (o + 0.5) * scale;
    if (method == "bicubic" && !antialias) {
      // ResizeBicubic looks its weights up in a table of 1024 steps.
      constexpr double kSteps = 1024;
      const double cell = std::floor(sample - 0.5);
      sample = cell + std::nearbyint((sample - 0.5 - cell) * kSteps) / kSteps + 0.5;
    }
    fill_kernel(row, sample, *kernel, antialias ? std::max(scale, 1.0) : 1.0);
  }
  return matrix;
}

TensorId resized(GraphWriter& graph, TensorId x, const std::string& method, int32_t h, int32_t w,
                 bool antialias) {
  const Shape in = graph.shape(x);
  if (in[1] == h && in[2] == w) return x;
  if (method == "nearest") {
    // Whole factors need no half pixels, which fewer kernels know.
    const bool whole = h % in[1] == 0 && w % in[2] == 0;
    return resize(graph, OpType::resize_nearest_neighbor, x, h, w, !whole);
  }
  const bool smaller = h < in[1] || w < in[2];
  if (method == "bilinear" && !(antialias && smaller)) {
    return resize(graph, OpType::resize_bilinear, x, h, w, true);
  }
  if (method != "area" && find_kernel(method) == nullptr) {
    fail(ErrorKind::unsupported, "interpolation \"{}\" is not supported", method);
  }
  if (in[2] != w) x = resample_axis(graph, x, 2, w, method, antialias);
  if (in[1] != h) x = resample_axis(graph, x, 1, h, method, antialias);
  return x;
}

}  // namespace smelt::keras
