#include <cmath>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/window.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/kernel_operand.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

// A pool of the cells of one window, for all channels at once: `begin` a row of results, `add` each
// cell inside of the image, `end`; and backwards `spread` the gradient of the result to each cell.

struct Maximum {
  static void begin(float* y, int64_t channels) {
    std::fill_n(y, channels, std::numeric_limits<float>::lowest());
  }
  static void add(const float* x, float* y, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] = std::max(y[c], x[c]);
  }
  static void end(float*, int64_t, int64_t) {}
  /// The first of equal cells gets it all: `left` is what no cell has taken yet.
  static void spread(const float* x, const float* y, float* left, float* dx, int64_t channels,
                     float) {
    for (int64_t c = 0; c < channels; ++c) {
      const float taken = x[c] == y[c] ? left[c] : 0.0f;
      dx[c] += taken;
      left[c] -= taken;
    }
  }
};

struct Average {
  static void begin(float* y, int64_t channels) { std::fill_n(y, channels, 0.0f); }
  static void add(const float* x, float* y, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] += x[c];
  }
  static void end(float* y, int64_t channels, int64_t cells) {
    const auto count = static_cast<float>(cells);
    for (int64_t c = 0; c < channels; ++c) y[c] /= count;
  }
  static void spread(const float*, const float*, float* left, float* dx, int64_t channels,
                     float share) {
    for (int64_t c = 0; c < channels; ++c) dx[c] += left[c] * share;
  }
};

/// The root of the mean square.
struct Length {
  static void begin(float* y, int64_t channels) { std::fill_n(y, channels, 0.0f); }
  static void add(const float* x, float* y, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] += x[c] * x[c];
  }
  static void end(float* y, int64_t channels, int64_t cells) {
    const auto count = static_cast<float>(cells);
    for (int64_t c = 0; c < channels; ++c) y[c] = std::sqrt(y[c] / count);
  }
  static void spread(const float* x, const float* y, float* left, float* dx, int64_t channels,
                     float share) {
    for (int64_t c = 0; c < channels; ++c) {
      if (y[c] > 0) dx[c] += left[c] * share * x[c] / y[c];
    }
  }
};

template <class Pooling>
class PoolLayer final : public Layer {
 public:
  explicit PoolLayer(LayerArguments args)
      : Layer(std::move(args.name)), x_(args.input(0)), y_(args.outputs.at(0)), dx_(x_) {
    const auto& a = args.op.as<Pool2DAttributes>();
    const smelt::Operand x = kernel_operand(args.graph, args.op.input(0));
    window_ = make_window({.padding = a.padding,
                           .filter_h = a.filter_h,
                           .filter_w = a.filter_w,
                           .stride_h = a.stride_h,
                           .stride_w = a.stride_w},
                          x, kernel_operand(args.graph, args.op.output()));
    require_clamping(a.activation);
    range_ = activation_range(a.activation);
    images_ = x.shape[0];
    channels_ = x.shape[3];
  }

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) {
        float* y = y_->sample(n);
        for_each_window([&](int64_t image, const Cells& cells) {
          pool(x_.sample(n) + image, cells, y);
          for (int64_t c = 0; c < channels_; ++c) y[c] = clamp(y[c], range_);
          y += channels_;
        });
      }
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !dx_.wanted()) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      std::vector<float> pooled(static_cast<size_t>(channels_)), left(pooled.size());
      for (int64_t n = first; n < last; ++n) {
        const float* x = x_.sample(n);
        const float* dy = y_->sample_grad(n);
        float* dx = dx_.at(part, n);
        for_each_window([&](int64_t image, const Cells& cells) {
          pool(x + image, cells, pooled.data());
          for (size_t c = 0; c < left.size(); ++c) {
            left[c] = pooled[c] > range_.low && pooled[c] < range_.high ? dy[c] : 0.0f;
          }
          const float share = 1.0f / static_cast<float>(cells.count());
          for_each_cell(cells, [&](int64_t at) {
            Pooling::spread(x + image + at, pooled.data(), left.data(), dx + image + at, channels_,
                            share);
          });
          dy += channels_;
        });
      }
    });
    dx_.finish(step);
  }

 private:
  /// The cells of a window that lie inside of the image.
  struct Cells {
    int64_t y_begin, y_end, x_begin, x_end;
    int64_t count() const { return (y_end - y_begin) * (x_end - x_begin); }
  };

  /// visit(first value of the image, cells) in the order of the results of one sample.
  template <class Visit>
  void for_each_window(Visit&& visit) const {
    const Window& w = window_;
    for (int64_t i = 0; i < images_; ++i) {
      for (int64_t oy = 0; oy < w.out_h; ++oy) {
        const int64_t iy = oy * w.stride_h + w.origin_h;
        const CellRange ys = cells_inside(iy, 1, w.filter_h, w.in_h);
        for (int64_t ox = 0; ox < w.out_w; ++ox) {
          const int64_t ix = ox * w.stride_w + w.origin_w;
          const CellRange xs = cells_inside(ix, 1, w.filter_w, w.in_w);
          visit(i * w.in_h * w.in_w * channels_,
                Cells{iy + ys.begin, iy + ys.end, ix + xs.begin, ix + xs.end});
        }
      }
    }
  }

  template <class Visit>
  void for_each_cell(const Cells& cells, Visit&& visit) const {
    for (int64_t y = cells.y_begin; y < cells.y_end; ++y) {
      for (int64_t x = cells.x_begin; x < cells.x_end; ++x) {
        visit((y * window_.in_w + x) * channels_);
      }
    }
  }

  void pool(const float* image, const Cells& cells, float* y) const {
    Pooling::begin(y, channels_);
    for_each_cell(cells, [&](int64_t at) { Pooling::add(image + at, y, channels_); });
    Pooling::end(y, channels_, cells.count());
  }

  Operand x_;
  Value* y_;
  GradientSum dx_;
  Window window_;
  FloatRange range_;
  int64_t images_ = 1;  ///< in one sample
  int64_t channels_ = 1;
};

}  // namespace

std::unique_ptr<Layer> make_pool(LayerArguments args) {
  switch (args.op.type) {
    case OpType::max_pool_2d:
      return std::make_unique<PoolLayer<Maximum>>(std::move(args));
    case OpType::average_pool_2d:
      return std::make_unique<PoolLayer<Average>>(std::move(args));
    default:
      return std::make_unique<PoolLayer<Length>>(std::move(args));
  }
}

}  // namespace smelt::train
