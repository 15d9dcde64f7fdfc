#include "smelt/kernels/resize.h"

#include <cmath>

#include "smelt/kernels/litert_rules.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

struct Images {
  int64_t batch = 0, in_h = 0, in_w = 0, out_h = 0, out_w = 0, channels = 0;
};

Images read_images(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_rank(x, 4, 4);
  require_shape(y, Shape{x.shape[0], y.shape.rank() == 4 ? y.shape[1] : 0,
                         y.shape.rank() == 4 ? y.shape[2] : 0, x.shape[3]});
  const auto& attributes = attributes_of<ResizeAttributes>(args);
  if (attributes.align_corners && attributes.half_pixel_centers &&
      args.op.type == OpType::resize_bilinear) {
    fail(ErrorKind::bad_file, "align_corners and half_pixel_centers exclude each other");
  }
  if ((x.shape[1] < 1 || x.shape[2] < 1) && y.shape.elements() > 0) {
    fail(ErrorKind::bad_file, "{} has no cells", x.name);
  }
  // Positions are counted in 1/1024 cells of 32 bits.
  for (const int32_t size : {x.shape[1], x.shape[2], y.shape[1], y.shape[2]}) {
    if (size >= 1 << 20) fail(ErrorKind::unsupported, "images of {} cells have no kernel", size);
  }
  return {x.shape[0], x.shape[1], x.shape[2], y.shape[1], y.shape[2], x.shape[3]};
}

/// The two cells that a position lies between and how much of the second it takes.
template <class Weight>
struct Tap {
  int64_t low = 0, high = 0;
  Weight weight = 0;  ///< of `high`, measured from `low`; integers in 1/1024
};

std::vector<Tap<float>> float_taps(int64_t in, int64_t out, const ResizeAttributes& a) {
  float scale = static_cast<float>(in) / static_cast<float>(out);
  if (a.align_corners && out > 1) scale = static_cast<float>(in - 1) / static_cast<float>(out - 1);
  std::vector<Tap<float>> taps;
  for (int64_t i = 0; i < out; ++i) {
    const auto value = static_cast<float>(i);
    const float at = a.half_pixel_centers ? (value + 0.5f) * scale - 0.5f : value * scale;
    const int64_t low = std::max<int64_t>(static_cast<int64_t>(std::floor(at)), 0);
    const int64_t high = std::min<int64_t>(static_cast<int64_t>(std::ceil(at)), in - 1);
    taps.push_back(
        {std::min(low, in - 1), std::max<int64_t>(high, 0), at - static_cast<float>(low)});
  }
  return taps;
}

std::vector<Tap<int32_t>> integer_taps(int64_t in, int64_t out, const ResizeAttributes& a) {
  int64_t scale = out == 0 ? 0 : (1024 * in + out / 2) / out;
  if (a.align_corners && out > 1) scale = (1024 * (in - 1) + (out - 1) / 2) / (out - 1);
  std::vector<Tap<int32_t>> taps;
  for (int64_t i = 0; i < out; ++i) {
    const int64_t at = a.half_pixel_centers ? i * scale + scale / 2 - 512 : i * scale;
    const int64_t low = std::max<int64_t>(at / 1024, 0);
    const int64_t high = std::min<int64_t>((at + 1023) / 1024, in - 1);
    taps.push_back(
        {std::min(low, in - 1), std::max<int64_t>(high, 0), static_cast<int32_t>(at - 1024 * low)});
  }
  return taps;
}

/// Calls f(y row taps, x column taps, output cell, the four input cells) for every output cell.
template <class T, class Weight, class F>
Kernel bilinear_kernel(const Images& m, std::vector<Tap<Weight>> rows,
                       std::vector<Tap<Weight>> columns, F f) {
  return {[m, rows = std::move(rows), columns = std::move(columns), f](const InvokeArgs& run) {
    T* to = run.out<T>();
    for (int64_t b = 0; b < m.batch; ++b) {
      const T* image = run.in<T>(0) + b * m.in_h * m.in_w * m.channels;
      for (const Tap<Weight>& r : rows) {
        const T* low = image + r.low * m.in_w * m.channels;
        const T* high = image + r.high * m.in_w * m.channels;
        for (const Tap<Weight>& c : columns) {
          const T* ll = low + c.low * m.channels;
          const T* lh = low + c.high * m.channels;
          const T* hl = high + c.low * m.channels;
          const T* hh = high + c.high * m.channels;
          for (int64_t i = 0; i < m.channels; ++i) {
            to[i] = f(ll[i], lh[i], hl[i], hh[i], r.weight, c.weight);
          }
          to += m.channels;
        }
      }
    }
  }};
}

float bilinear(float ll, float lh, float hl, float hh, float wy, float wx) {
  return ll * (1 - wy) * (1 - wx) + hl * wy * (1 - wx) + lh * (1 - wy) * wx + hh * wy * wx;
}

template <class T>
Kernel bilinear_integer(const Images& m, const ResizeAttributes& a) {
  return bilinear_kernel<T, int32_t>(
      m, integer_taps(m.in_h, m.out_h, a), integer_taps(m.in_w, m.out_w, a),
      [](int64_t ll, int64_t lh, int64_t hl, int64_t hh, int32_t wy, int32_t wx) {
        const int64_t sum = ll * (1024 - wy) * (1024 - wx) + hl * wy * (1024 - wx) +
                            lh * (1024 - wy) * wx + hh * wy * wx;
        const int64_t round = sum > 0 ? 1 << 19 : -(1 << 19);
        return static_cast<T>((sum + round) / (1 << 20));
      });
}

/// XNNPACK's: positions in float, kept inside the image, weights in 1/2048.
std::vector<Tap<int32_t>> xnnpack_taps(int64_t in, int64_t out, const ResizeAttributes& a) {
  float scale = static_cast<float>(in) / static_cast<float>(out);
  if (a.align_corners && out > 1) scale = static_cast<float>(in - 1) / static_cast<float>(out - 1);
  const bool centers = a.half_pixel_centers && !a.align_corners;
  const float offset = centers ? 0.5f * scale - 0.5f : 0.0f;
  std::vector<Tap<int32_t>> taps;
  for (int64_t i = 0; i < out; ++i) {
    const float position = static_cast<float>(i) * scale + offset;
    const float at = std::min(std::max(position, 0.0f), static_cast<float>(in - 1));
    const auto low = static_cast<int64_t>(at);
    const float weight = (at - static_cast<float>(low)) * 2048.0f;
    taps.push_back({low, std::min(low + 1, in - 1), static_cast<int32_t>(std::nearbyint(weight))});
  }
  return taps;
}

template <class T>
Kernel bilinear_xnnpack(const Images& m, const ResizeAttributes& a) {
  return bilinear_kernel<T, int32_t>(
      m, xnnpack_taps(m.in_h, m.out_h, a), xnnpack_taps(m.in_w, m.out_w, a),
      [](int32_t ll, int32_t lh, int32_t hl, int32_t hh, int32_t wy, int32_t wx) {
        const int32_t low = ll * 2048 + (lh - ll) * wx;
        const int32_t high = hl * 2048 + (hh - hl) * wx;
        return static_cast<T>((low * 2048 + (high - low) * wy + (1 << 21)) >> 22);
      });
}

/// GetNearestNeighbor for every position of an axis.
std::vector<int64_t> nearest_cells(int64_t in, int64_t out, const ResizeAttributes& a) {
  const float scale = a.align_corners && out > 1
                          ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                          : static_cast<float>(in) / static_cast<float>(out);
  const float offset = a.half_pixel_centers ? 0.5f : 0.0f;
  std::vector<int64_t> cells;
  for (int64_t i = 0; i < out; ++i) {
    const float at = (static_cast<float>(i) + offset) * scale;
    const auto cell = static_cast<int64_t>(a.align_corners ? std::round(at) : std::floor(at));
    cells.push_back(std::max<int64_t>(std::min(cell, in - 1), 0));
  }
  return cells;
}

}  // namespace

Kernel prepare_resize_bilinear(const PrepareArgs& args) {
  const Images m = read_images(args);
  const auto& attributes = attributes_of<ResizeAttributes>(args);
  if (xnnpack_takes(args)) {
    return args.output().type == DataType::int8 ? bilinear_xnnpack<int8_t>(m, attributes)
                                                : bilinear_xnnpack<uint8_t>(m, attributes);
  }
  switch (args.output().type) {
    case DataType::float32:
      return bilinear_kernel<float, float>(m, float_taps(m.in_h, m.out_h, attributes),
                                           float_taps(m.in_w, m.out_w, attributes), bilinear);
    case DataType::int8:
      return bilinear_integer<int8_t>(m, attributes);
    case DataType::uint8:
      // LiteRT's reference computes in float and rounds halves up.
      return bilinear_kernel<uint8_t, float>(
          m, float_taps(m.in_h, m.out_h, attributes), float_taps(m.in_w, m.out_w, attributes),
          [](float ll, float lh, float hl, float hh, float wy, float wx) {
            return static_cast<uint8_t>(bilinear(ll, lh, hl, hh, wy, wx) + 0.5f);
          });
    case DataType::int16:
      return bilinear_integer<int16_t>(m, attributes);
    default:
      fail_types(args);
  }
}

Kernel prepare_resize_nearest_neighbor(const PrepareArgs& args) {
  const Images m = read_images(args);
  const auto& attributes = attributes_of<ResizeAttributes>(args);
  const int64_t bytes = element_bytes(args.input(0)) * m.channels;
  return {[m, bytes, rows = nearest_cells(m.in_h, m.out_h, attributes),
           columns = nearest_cells(m.in_w, m.out_w, attributes)](const InvokeArgs& run) {
    auto* to = run.out<uint8_t>();
    for (int64_t b = 0; b < m.batch; ++b) {
      const auto* image = run.in<uint8_t>(0) + b * m.in_h * m.in_w * bytes;
      for (const int64_t row : rows) {
        for (const int64_t column : columns) {
          std::memcpy(to, image + (row * m.in_w + column) * bytes, static_cast<size_t>(bytes));
          to += bytes;
        }
      }
    }
  }};
}

}  // namespace smelt
