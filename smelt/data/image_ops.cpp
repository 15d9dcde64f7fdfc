#include "smelt/data/image_ops.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "smelt/base/error.h"

namespace smelt {
namespace {

/// The two pixels that an output pixel lies between, and the weight of the second.
struct Tap {
  size_t lower;
  size_t upper;
  float weight;
};

std::vector<Tap> make_taps(int in, int out) {
  std::vector<Tap> taps(static_cast<size_t>(out));
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int o = 0; o < out; ++o) {
    const float position = (static_cast<float>(o) + 0.5f) * scale - 0.5f;
    const float floor = std::floor(position);
    taps[static_cast<size_t>(o)] = {
        static_cast<size_t>(std::clamp(static_cast<int>(floor), 0, in - 1)),
        static_cast<size_t>(std::clamp(static_cast<int>(std::ceil(position)), 0, in - 1)),
        position - floor};
  }
  return taps;
}

}  // namespace

void resize_bilinear(std::span<const float> x, const Shape& x_shape, std::span<float> y,
                     const Shape& y_shape) {
  SMELT_CHECK(x_shape.rank() == 3 && y_shape.rank() == 3 && x_shape[2] == y_shape[2]);
  SMELT_CHECK(x.size() == static_cast<size_t>(x_shape.elements()) && !x.empty());
  SMELT_CHECK(y.size() == static_cast<size_t>(y_shape.elements()));
  const auto channels = static_cast<size_t>(x_shape[2]);
  const size_t stride = static_cast<size_t>(x_shape[1]) * channels;
  const std::vector<Tap> columns = make_taps(x_shape[1], y_shape[1]);
  float* to = y.data();
  for (const Tap& row : make_taps(x_shape[0], y_shape[0])) {
    const float* top = x.data() + row.lower * stride;
    const float* bottom = x.data() + row.upper * stride;
    for (const Tap& column : columns) {
      const size_t left = column.lower * channels, right = column.upper * channels;
      for (size_t c = 0; c < channels; ++c) {
        const float above = top[left + c] + (top[right + c] - top[left + c]) * column.weight;
        const float below =
            bottom[left + c] + (bottom[right + c] - bottom[left + c]) * column.weight;
        *to++ = above + (below - above) * row.weight;
      }
    }
  }
}

void convert_channels(std::span<const float> x, int from, std::span<float> y, int to) {
  SMELT_CHECK((from == 1 && to == 3) || (from == 3 && to == 1));
  const size_t pixels = x.size() / static_cast<size_t>(from);
  SMELT_CHECK(y.size() == pixels * static_cast<size_t>(to));
  for (size_t i = 0; i < pixels; ++i) {
    if (from == 1) {
      y[3 * i] = y[3 * i + 1] = y[3 * i + 2] = x[i];
    } else {
      y[i] = 0.299f * x[3 * i] + 0.587f * x[3 * i + 1] + 0.114f * x[3 * i + 2];
    }
  }
}

}  // namespace smelt
