#include "smelt/train/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace smelt::train {
namespace {

/// [abcd] goes on as [dcba|abcd|dcba].
double mirrored(double at, double size) {
  const double period = 2 * size;
  if (at < 0) {
    if (at < -period) at += period * std::trunc(-at / period);
    at = at < -size ? at + period : -at - 1;
  } else if (at > size - 1) {
    at -= period * std::trunc(at / period);
    if (at >= size) at = period - at - 1;
  }
  return std::clamp(at, 0.0, size - 1);
}

double mapped(double at, int32_t size, FillMode mode) {
  switch (mode) {
    case FillMode::reflect:
      return mirrored(at, size);
    case FillMode::nearest:
      return std::clamp(at, 0.0, static_cast<double>(size - 1));
    case FillMode::constant:
      // Far outside nothing but the constant is read.
      return std::clamp(at, -2.0, static_cast<double>(size) + 1);
  }
  return at;
}

/// Two neighbouring cells, -1 where they are outside, and their weights.
struct Neighbours {
  int32_t low = 0, high = 0;
  float low_weight = 1, high_weight = 0;
};

Neighbours neighbours(double at, int32_t size) {
  const double floor = std::floor(at);
  const auto low = static_cast<int32_t>(floor);
  const auto inside = [&](int32_t i) { return i >= 0 && i < size ? i : -1; };
  const auto high_weight = static_cast<float>(at - floor);
  return {inside(low), inside(low + 1), 1 - high_weight, high_weight};
}

/// A weighted sum of four cells; null stands for the fill value.
struct Cells {
  const float* at[4];
  float weight[4];
};

void blend(const Cells& cells, float fill_value, int32_t channels, float* result) {
  for (int32_t c = 0; c < channels; ++c) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) {
      sum += cells.weight[i] * (cells.at[i] != nullptr ? cells.at[i][c] : fill_value);
    }
    result[c] = sum;
  }
}

}  // namespace

Affine compose(const Affine& first, const Affine& second) {
  return {.xx = first.xx * second.xx + first.xy * second.yx,
          .xy = first.xx * second.xy + first.xy * second.yy,
          .x = first.xx * second.x + first.xy * second.y + first.x,
          .yx = first.yx * second.xx + first.yy * second.yx,
          .yy = first.yx * second.xy + first.yy * second.yy,
          .y = first.yx * second.x + first.yy * second.y + first.y};
}

void resample(const Affine& transform, FillMode mode, float fill_value, const Shape& shape,
              const float* image, float* result) {
  const int32_t height = shape[0], width = shape[1], channels = shape[2];
  if (transform == Affine{}) {
    std::memcpy(result, image, sizeof(float) * static_cast<size_t>(shape.elements()));
    return;
  }
  const auto cell = [&](int32_t y, int32_t x) -> const float* {
    return y < 0 || x < 0 ? nullptr : image + (int64_t{y} * width + x) * channels;
  };
  for (int32_t y = 0; y < height; ++y) {
    for (int32_t x = 0; x < width; ++x, result += channels) {
      const double from_x = transform.xx * x + transform.xy * y + transform.x;
      const double from_y = transform.yx * x + transform.yy * y + transform.y;
      const Neighbours columns = neighbours(mapped(from_x, width, mode), width);
      const Neighbours rows = neighbours(mapped(from_y, height, mode), height);
      blend({{cell(rows.low, columns.low), cell(rows.low, columns.high),
              cell(rows.high, columns.low), cell(rows.high, columns.high)},
             {rows.low_weight * columns.low_weight, rows.low_weight * columns.high_weight,
              rows.high_weight * columns.low_weight, rows.high_weight * columns.high_weight}},
            fill_value, channels, result);
    }
  }
}

}  // namespace smelt::train
