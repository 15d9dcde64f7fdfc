#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "smelt/kernels/winograd.cpp"
#include "hwy/foreach_target.h"
// The line above includes this file once per instruction set.
#include <algorithm>

#include "hwy/highway.h"
#include "smelt/kernels/winograd.h"

HWY_BEFORE_NAMESPACE();
namespace smelt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Where the tiles of a block are: the images' tiles follow each other, line by line.
struct Tile {
  int64_t image, y, x;
  Tile(const Winograd& op, int64_t index)
      : image(index / (op.tiles_h() * op.tiles_w())),
        y(index / op.tiles_w() % op.tiles_h()),
        x(index % op.tiles_w()) {}
  void next(const Winograd& op) {
    if (++x < op.tiles_w()) return;
    x = 0;
    if (++y < op.tiles_h()) return;
    y = 0;
    ++image;
  }
};

/// The 16 cells of a tile, all channels, to the 16 positions, which are `step` values apart. The
/// last vector may compute some channels twice.
HWY_INLINE void TransformInput(const float* const* cells, int64_t channels, float* to,
                               int64_t step) {
  const hn::ScalableTag<float> d;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t first = 0; first < channels; first += lanes) {
    const int64_t c = std::min(first, channels - lanes);
    Vec t[4][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Vec x0 = hn::LoadU(d, cells[j] + c);
      const Vec x1 = hn::LoadU(d, cells[4 + j] + c);
      const Vec x2 = hn::LoadU(d, cells[8 + j] + c);
      const Vec x3 = hn::LoadU(d, cells[12 + j] + c);
      t[0][j] = hn::Sub(x0, x2);
      t[1][j] = hn::Add(x1, x2);
      t[2][j] = hn::Sub(x2, x1);
      t[3][j] = hn::Sub(x1, x3);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      float* line = to + 4 * i * step + c;
      hn::StoreU(hn::Sub(t[i][0], t[i][2]), d, line);
      hn::StoreU(hn::Add(t[i][1], t[i][2]), d, line + step);
      hn::StoreU(hn::Sub(t[i][2], t[i][1]), d, line + 2 * step);
      hn::StoreU(hn::Sub(t[i][1], t[i][3]), d, line + 3 * step);
    }
  }
}

void TransformInputs(const Winograd& op, const float* x, int64_t first, int64_t count,
                     const float* zeros, float* to) {
  const Window& w = op.shape.window;
  const int64_t channels = op.shape.channels;
  const int64_t line = w.in_w * channels;
  Tile tile(op, first);
  for (int64_t i = 0; i < count; ++i, tile.next(op)) {
    const float* image = x + tile.image * w.in_h * line;
    const int64_t iy = 2 * tile.y + w.origin_h;
    const int64_t ix = 2 * tile.x + w.origin_w;
    const float* cells[16];
    for (int64_t cy = 0; cy < 4; ++cy) {
      const bool inside_y = iy + cy >= 0 && iy + cy < w.in_h;
      for (int64_t cx = 0; cx < 4; ++cx) {
        const bool inside = inside_y && ix + cx >= 0 && ix + cx < w.in_w;
        cells[4 * cy + cx] = inside ? image + (iy + cy) * line + (ix + cx) * channels : zeros;
      }
    }
    TransformInput(cells, channels, to + i * channels, op.input_step());
  }
}

/// The 16 positions of a tile to its outputs, `rows` by `columns` of them.
HWY_INLINE void TransformOutput(const Winograd& op, const float* from, float* y, int64_t rows,
                                int64_t columns) {
  const hn::ScalableTag<float> d;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t step = op.output_step();
  const int64_t line = op.shape.window.out_w * op.outputs;
  const Vec low = hn::Set(d, op.range.low);
  const Vec high = hn::Set(d, op.range.high);
  for (int64_t first = 0; first < op.outputs; first += lanes) {
    const int64_t c = std::min(first, op.outputs - lanes);
    Vec s[2][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Vec m1 = hn::LoadU(d, from + (4 + j) * step + c);
      const Vec m2 = hn::LoadU(d, from + (8 + j) * step + c);
      s[0][j] = hn::Add(hn::LoadU(d, from + j * step + c), hn::Add(m1, m2));
      s[1][j] = hn::Sub(hn::Sub(m1, m2), hn::LoadU(d, from + (12 + j) * step + c));
    }
    const Vec bias = hn::LoadU(d, op.bias.data() + c);
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      if (i >= rows) break;
      float* to = y + i * line + c;
      const Vec left = hn::Add(hn::Add(s[i][0], hn::Add(s[i][1], s[i][2])), bias);
      hn::StoreU(hn::Min(high, hn::Max(low, left)), d, to);
      if (columns < 2) continue;
      const Vec right = hn::Add(hn::Sub(hn::Sub(s[i][1], s[i][2]), s[i][3]), bias);
      hn::StoreU(hn::Min(high, hn::Max(low, right)), d, to + op.outputs);
    }
  }
}

void TransformOutputs(const Winograd& op, const float* from, int64_t first, int64_t count,
                      float* y) {
  const Window& w = op.shape.window;
  Tile tile(op, first);
  for (int64_t i = 0; i < count; ++i, tile.next(op)) {
    const int64_t pixel = (tile.image * w.out_h + 2 * tile.y) * w.out_w + 2 * tile.x;
    TransformOutput(op, from + i * op.outputs, y + pixel * op.outputs, w.out_h - 2 * tile.y,
                    w.out_w - 2 * tile.x);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace smelt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smelt {
namespace {

HWY_EXPORT(TransformInputs);
HWY_EXPORT(TransformOutputs);

constexpr double kWeightTransform[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

void run_winograd(const Winograd& op, const float* x, float* y, float* scratch) {
  float* zeros = scratch;
  float* inputs = zeros + op.zeros();
  float* products = inputs + 16 * op.input_step();
  std::fill_n(zeros, op.zeros(), 0.0f);
  for (int64_t first = 0; first < op.tiles(); first += op.block) {
    const int64_t count = std::min(op.block, op.tiles() - first);
    HWY_DYNAMIC_DISPATCH(TransformInputs)(op, x, first, count, zeros, inputs);
    for (int64_t position = 0; position < 16; ++position) {
      const FloatGemm& gemm = op.weights[static_cast<size_t>(position)];
      const float* rows = inputs + position * op.input_step();
      gemm.run(gemm, {.segments = &rows, .stride = op.shape.channels}, count,
               products + position * op.output_step(), op.outputs);
    }
    HWY_DYNAMIC_DISPATCH(TransformOutputs)(op, products, first, count, y);
  }
}

}  // namespace

int64_t Winograd::scratch_bytes() const {
  return (zeros() + 16 * (input_step() + output_step())) * static_cast<int64_t>(sizeof(float));
}

bool winograd_pays(const Im2Col& s, int64_t outputs) {
  constexpr int64_t kMostChannels = 4096;  // keeps sizes in range, too
  const Window& w = s.window;
  if (w.filter_h != 3 || w.filter_w != 3 || w.stride_h != 1 || w.stride_w != 1) return false;
  if (w.dilation_h != 1 || w.dilation_w != 1 || s.row_channels != s.channels) return false;
  const int64_t least = std::max<int64_t>(gemm_kernels().lanes, 16);
  if (std::min(s.channels, outputs) < least || std::max(s.channels, outputs) > kMostChannels) {
    return false;
  }
  // Tiles at odd borders compute outputs that do not exist.
  const int64_t tiles = (int64_t{w.out_h} + 1) / 2 * ((int64_t{w.out_w} + 1) / 2);
  return tiles >= 4 && 9 * w.positions() >= 28 * tiles;
}

Winograd make_winograd(const Im2Col& shape, int64_t outputs, const float* weights,
                       const float* bias, FloatRange range) {
  constexpr int64_t kBlockBytes = 48 * 1024;  // what lies between two transforms
  constexpr int64_t kRows = 12;  // a multiple of the rows that the products take at once
  Winograd op{.shape = shape,
              .outputs = outputs,
              .weights = {},
              .bias = AlignedArray<float>(outputs),
              .range = range};
  const int64_t tile_bytes = 64 * (shape.channels + outputs);
  op.block = std::clamp<int64_t>(kBlockBytes / tile_bytes / kRows * kRows, 2 * kRows, 8 * kRows);
  op.block = std::min(op.block, round_up(op.tiles(), kRows));
  if (bias != nullptr) std::copy_n(bias, outputs, op.bias.data());
  for (int64_t position = 0; position < 16; ++position) {
    const double* across = kWeightTransform[position / 4];
    const double* along = kWeightTransform[position % 4];
    op.weights.push_back(pack_float_gemm(
        outputs, shape.channels, nullptr, FloatRange{}, [&](int64_t channel, int64_t k) {
          const float* from = weights + channel * 9 * shape.channels + k;
          double sum = 0;
          for (int64_t cell = 0; cell < 9; ++cell) {
            sum += across[cell / 3] * along[cell % 3] * double{from[cell * shape.channels]};
          }
          return static_cast<float>(sum);
        }));
  }
  return op;
}

Kernel winograd_kernel(Winograd winograd) {
  auto op = std::make_shared<const Winograd>(std::move(winograd));
  return {[op](const InvokeArgs& args) {
            run_winograd(*op, args.in<float>(0), args.out<float>(),
                         reinterpret_cast<float*>(args.scratch));
          },
          op->scratch_bytes()};
}

}  // namespace smelt
#endif
