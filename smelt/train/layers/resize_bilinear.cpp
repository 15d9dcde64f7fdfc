#include <algorithm>
#include <cmath>

#include "smelt/run/run_op.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

/// The two cells of an axis that a position lies between, and the share of the second.
struct Tap {
  int64_t low = 0, high = 0;
  float weight = 0;
};

/// Where the rows and columns of the result lie: the kernel itself, run on an image whose two
/// channels hold the row and the column of each cell, says it in every form of the op.
std::array<std::vector<Tap>, 2> find_taps(const LayerArguments& args) {
  const Shape& x = args.graph.tensor(args.op.input(0)).shape;
  const Tensor& size = args.graph.tensor(args.op.input(1));
  const Tensor& y = args.graph.tensor(args.op.output());
  if (!size.is_constant) refuse(args, "its size is computed");
  std::vector<float> places;
  for (int32_t row = 0; row < x[1]; ++row) {
    for (int32_t column = 0; column < x[2]; ++column) {
      places.push_back(static_cast<float>(row));
      places.push_back(static_cast<float>(column));
    }
  }
  const Tensor operands[] = {Tensor::constant("places", {1, x[1], x[2], 2}, places), size};
  const Tensor results[] = {{.name = y.name}};
  const auto ran = run_op(args.op, operands, results);
  if (!ran) refuse(args, "it has no float kernel in this form");
  const std::span<const float> found = (*ran)[0].data.as<float>();
  std::array<std::vector<Tap>, 2> taps;
  for (int axis = 0; axis < 2; ++axis) {
    const int32_t step = axis == 0 ? y.shape[2] : 1;
    for (int32_t i = 0; i < y.shape[1 + axis]; ++i) {
      const float at = found[static_cast<size_t>(2 * i * step + axis)];
      const auto low = static_cast<int64_t>(std::floor(at));
      taps[static_cast<size_t>(axis)].push_back(
          {low, std::min<int64_t>(low + 1, x[1 + axis] - 1), at - static_cast<float>(low)});
    }
  }
  return taps;
}

class ResizeBilinearLayer final : public Layer {
 public:
  explicit ResizeBilinearLayer(LayerArguments args)
      : Layer(std::move(args.name)), x_(args.input(0)), y_(args.outputs.at(0)), dx_(x_) {
    const auto taps = find_taps(args);
    const Shape& shape = x_.shape();
    channels_ = shape[3];
    image_ = int64_t{shape[1]} * shape[2] * channels_;
    for (const Tap& r : taps[0]) {
      for (const Tap& c : taps[1]) {
        const auto at = [&](int64_t row, int64_t column) {
          return (row * shape[2] + column) * channels_;
        };
        cells_.push_back(
            {{at(r.low, c.low), at(r.low, c.high), at(r.high, c.low), at(r.high, c.high)},
             {(1 - r.weight) * (1 - c.weight), (1 - r.weight) * c.weight, r.weight * (1 - c.weight),
              r.weight * c.weight}});
      }
    }
  }

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) {
        for_each_cell(y_->sample(n), [&](const Cell& cell, int64_t image, float* y) {
          const float* x = x_.sample(n) + image;
          for (int64_t c = 0; c < channels_; ++c) {
            y[c] = cell.weight[0] * x[cell.from[0] + c] + cell.weight[1] * x[cell.from[1] + c] +
                   cell.weight[2] * x[cell.from[2] + c] + cell.weight[3] * x[cell.from[3] + c];
          }
        });
      }
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !dx_.wanted()) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        for_each_cell(y_->sample_grad(n), [&](const Cell& cell, int64_t image, const float* dy) {
          float* dx = dx_.at(part, n) + image;
          for (size_t k = 0; k < 4; ++k) {
            for (int64_t c = 0; c < channels_; ++c) dx[cell.from[k] + c] += cell.weight[k] * dy[c];
          }
        });
      }
    });
    dx_.finish(step);
  }

 private:
  /// A cell of the result: where the four that it mixes start, and their shares.
  struct Cell {
    std::array<int64_t, 4> from;
    std::array<float, 4> weight;
  };

  /// visit(cell, first value of its image, values of the result) for one sample.
  template <class Visit>
  void for_each_cell(float* y, Visit&& visit) const {
    for (int64_t image = 0; image < x_.size(); image += image_) {
      for (const Cell& cell : cells_) {
        visit(cell, image, y);
        y += channels_;
      }
    }
  }

  Operand x_;
  Value* y_;
  GradientSum dx_;
  int64_t channels_ = 1, image_ = 1;
  std::vector<Cell> cells_;
};

}  // namespace

std::unique_ptr<Layer> make_resize_bilinear(LayerArguments args) {
  return std::make_unique<ResizeBilinearLayer>(std::move(args));
}

}  // namespace smelt::train
