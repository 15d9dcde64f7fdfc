#include "smelt/quantize/weight_range.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

constexpr int kParts = 64;      // tried ranges are largest * k / kParts
constexpr int kLeastParts = 8;  // and never narrower than this many
constexpr int kMostIterations = 50;

float largest_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// value - stored * scale, stored being value / scale rounded and clamped to [-most, most].
struct Residual {
  float scale;
  float inverse;
  float most;

  float operator()(float value) const {
    constexpr float kToInteger = 12582912.0f;  // 1.5 * 2^23: adding it rounds
    const float wanted = std::min(std::max(value * inverse, -most), most);
    return value - ((wanted + kToInteger) - kToInteger) * scale;
  }
};

/// Summed in lanes, so that compilers can use vectors and the order is the same on every machine.
double squared_error(std::span<const float> values, const Residual& residual) {
  constexpr size_t kLanes = 16;
  constexpr size_t kBlock = 64 * kLanes;  // short enough for sums in float
  double sum = 0;
  size_t i = 0;
  while (values.size() - i >= kLanes) {
    std::array<float, kLanes> lanes{};
    const size_t end = i + std::min(kBlock, (values.size() - i) / kLanes * kLanes);
    for (; i < end; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const float rest = residual(values[i + lane]);
        lanes[lane] += rest * rest;
      }
    }
    for (const float lane : lanes) sum += lane;
  }
  for (; i < values.size(); ++i) {
    const double rest = residual(values[i]);
    sum += rest * rest;
  }
  return sum;
}

float least_error_reach(std::span<const float> values, int bits) {
  const float largest = largest_of(values);
  const auto most = static_cast<float>((1 << (bits - 1)) - 1);
  float best = largest;
  double least = 0;
  for (int k = kParts; k >= kLeastParts; --k) {
    const float reach = largest * static_cast<float>(k) / kParts;
    const float scale = reach / most;
    const float inverse = 1 / scale;
    // Weights that are all next to nothing: nothing is gained by clipping them.
    if (!(scale > 0) || !std::isfinite(inverse)) return best;
    const double error = squared_error(values, {scale, inverse, most});
    if (k < kParts && error >= least) continue;
    least = error;
    best = reach;
  }
  return best;
}

float octav_reach(std::span<const float> values, int bits) {
  const double inside_weight = std::pow(4.0, -bits) / 3;
  const auto n = static_cast<double>(values.size());
  double reach = 0;
  for (const float value : values) reach += std::abs(static_cast<double>(value));
  if (reach == 0) return 0;
  reach /= n;
  for (int i = 0; i < kMostIterations; ++i) {
    double sum = 0;
    double clipped = 0;
    for (const float value : values) {
      const double size = std::abs(static_cast<double>(value));
      if (size <= reach) continue;
      sum += size;
      ++clipped;
    }
    const double next = sum / (inside_weight * (n - clipped) + clipped);
    if (std::abs(next - reach) <= 1e-6 * reach) break;
    reach = next;
  }
  return std::min(static_cast<float>(reach), largest_of(values));
}

float reach_of(std::span<const float> values, int bits, WeightRange method) {
  switch (method) {
    case WeightRange::minmax:
      return largest_of(values);
    case WeightRange::mse:
      return least_error_reach(values, bits);
    case WeightRange::octav:
      return octav_reach(values, bits);
  }
  return 0;
}

}  // namespace

std::vector<float> weight_reach(std::span<const float> values, const Shape& shape, int axis,
                                int bits, WeightRange method) {
  SMELT_CHECK(bits >= 2 && bits <= 8);
  if (method == WeightRange::minmax) return max_abs(values, shape, axis);
  if (axis < 0) return {reach_of(values, bits, method)};
  const auto slices = static_cast<size_t>(shape[axis]);
  const auto inner = static_cast<size_t>(shape.elements(axis + 1, shape.rank()));
  std::vector<float> result(slices);
  std::vector<float> slice;
  for (size_t s = 0; s < slices; ++s) {
    slice.clear();
    for (size_t first = s * inner; first < values.size(); first += slices * inner) {
      const std::span<const float> run = values.subspan(first, inner);
      slice.insert(slice.end(), run.begin(), run.end());
    }
    result[s] = reach_of(slice, bits, method);
  }
  return result;
}

std::vector<float> weight_reach_blocks(std::span<const float> values, const Shape& shape,
                                       int block_size, int bits, WeightRange method) {
  SMELT_CHECK(bits >= 2 && bits <= 8 && block_size > 0);
  const auto row = static_cast<size_t>(shape.rank() > 0 ? shape.back() : 1);
  const auto block = static_cast<size_t>(block_size);
  std::vector<float> result;
  for (size_t first = 0; first < values.size(); first += row) {
    for (size_t at = 0; at < row; at += block) {
      result.push_back(
          reach_of(values.subspan(first + at, std::min(block, row - at)), bits, method));
    }
  }
  return result;
}

}  // namespace smelt
