#include "smelt/kernels/fixed_point.h"
#include "smelt/ops/op_def.h"
#include "smelt/train/blocks/packed_matrix.h"
#include "smelt/train/blocks/row_math.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

enum Input : size_t { kSize, kWeights, kX, kBias };

/// One spatial axis: cell k of the filter brings input i to output i * stride + k - pad.
struct Axis {
  int64_t in = 0, out = 0, filter = 0, stride = 1, pad = 0;
};

/// x [H W, I] times the weights gives what each cell of the filter adds to each channel of the
/// result: columns [H W, kh kw O], which are added up where they land. Backward, columns of dy.
class TransposeConvLayer final : public Layer {
 public:
  explicit TransposeConvLayer(LayerArguments args)
      : Layer(std::move(args.name)),
        x_(args.input(kX)),
        w_(args.input(kWeights)),
        bias_(args.input(kBias)),
        y_(args.outputs.at(0)),
        dx_(x_),
        dw_(w_),
        dbias_(bias_),
        range_(activation_range(args.op.as<TransposeConv2DAttributes>().activation)) {
    const auto& a = args.op.as<TransposeConv2DAttributes>();
    const Shape &x = x_.shape(), &w = w_.shape(), &y = y_->shape;
    h_ = make_axis(a.padding, x[1], y[1], w[1], a.stride_h);
    v_ = make_axis(a.padding, x[2], y[2], w[2], a.stride_w);
    images_ = x[0];
    inputs_ = w[3];
    outputs_ = w[0];
    product_ = PackedMatrix(columns(), inputs_);
    back_ = PackedMatrix(inputs_, columns());
    weights_.resize(static_cast<size_t>(w_.size()));
    buffers_.resize(kPartials);
  }

  void forward(const Step& step) override {
    // [kh, kw, O, I]: the channels of the result lie side by side in the columns.
    for_each_weight(
        [&](int64_t from, int64_t to) { weights_[static_cast<size_t>(to)] = w_.data()[from]; });
    product_.pack_rows(weights_.data(), 0, product_.panels());
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      std::vector<float>& cols = columns_buffer(part);
      for_each_image(first, last, [&](int64_t n, int64_t x_at, int64_t y_at) {
        product_.multiply(x_.sample(n) + x_at, inputs_, positions(), 0, product_.panels(),
                          cols.data(), columns());
        float* y = y_->sample(n) + y_at;
        for (int64_t i = 0; i < h_.out * v_.out * outputs_; ++i) {
          y[i] = bias_ ? bias_.data()[i % outputs_] : 0.0f;
        }
        for_each_landing([&](int64_t column, int64_t at) {
          for (int64_t o = 0; o < outputs_; ++o) y[at + o] += cols[static_cast<size_t>(column + o)];
        });
        for (int64_t i = 0; i < h_.out * v_.out * outputs_; ++i) y[i] = clamp(y[i], range_);
      });
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr) return;
    if (dx_.wanted()) back_.pack_columns(weights_.data(), 0, back_.panels());
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      for (GradientSum* sum : {&dx_, &dw_, &dbias_}) sum->begin(part, first, last);
      Buffers& b = buffers_[static_cast<size_t>(part)];
      std::vector<float>& cols = columns_buffer(part);
      b.dw.assign(weights_.size(), 0.0f);
      for_each_image(first, last, [&](int64_t n, int64_t x_at, int64_t y_at) {
        inside(y_->sample(n) + y_at, y_->sample_grad(n) + y_at, b.dy);
        std::ranges::fill(cols, 0.0f);
        for_each_landing([&](int64_t column, int64_t at) {
          std::copy_n(b.dy.data() + at, outputs_, cols.data() + column);
        });
        if (dw_.wanted()) {
          outer_products(positions(), {cols.data(), columns(), columns()},
                         {x_.sample(n) + x_at, inputs_, inputs_}, true, b.dw.data(), inputs_);
        }
        for (size_t i = 0; dbias_.wanted() && i < b.dy.size(); ++i) {
          dbias_.at(part, n)[static_cast<int64_t>(i) % outputs_] += b.dy[i];
        }
        if (!dx_.wanted()) return;
        b.dx.resize(static_cast<size_t>(positions() * inputs_));
        back_.multiply(cols.data(), columns(), positions(), 0, back_.panels(), b.dx.data(),
                       inputs_);
        add_values(b.dx.data(), dx_.at(part, n) + x_at, positions() * inputs_);
      });
      if (!dw_.wanted()) return;
      for_each_weight([&](int64_t from, int64_t to) {
        dw_.at(part, 0)[from] += b.dw[static_cast<size_t>(to)];
      });
    });
    for (GradientSum* sum : {&dx_, &dw_, &dbias_}) sum->finish(step);
  }

 private:
  struct Buffers {
    std::vector<float> columns, dy, dx, dw;
  };

  static Axis make_axis(Padding padding, int32_t in, int32_t out, int32_t filter, int32_t stride) {
    const int32_t windows = window_output_size(padding, out, filter, stride, 1);
    return {in, out, filter, stride, window_padding(out, filter, stride, 1, windows)};
  }

  int64_t positions() const { return h_.in * v_.in; }
  int64_t columns() const { return h_.filter * v_.filter * outputs_; }

  std::vector<float>& columns_buffer(int64_t part) {
    std::vector<float>& cols = buffers_[static_cast<size_t>(part)].columns;
    cols.resize(static_cast<size_t>(positions() * columns()));
    return cols;
  }

  /// visit(place in the weights [O, kh, kw, I], place in [kh, kw, O, I]).
  template <class Visit>
  void for_each_weight(Visit&& visit) const {
    const int64_t cells = h_.filter * v_.filter;
    for (int64_t o = 0; o < outputs_; ++o) {
      for (int64_t cell = 0; cell < cells; ++cell) {
        for (int64_t i = 0; i < inputs_; ++i) {
          visit((o * cells + cell) * inputs_ + i, (cell * outputs_ + o) * inputs_ + i);
        }
      }
    }
  }

  template <class Visit>
  void for_each_image(int64_t first, int64_t last, Visit&& visit) const {
    for (int64_t n = first; n < last; ++n) {
      for (int64_t i = 0; i < images_; ++i) {
        visit(n, i * positions() * inputs_, i * h_.out * v_.out * outputs_);
      }
    }
  }

  /// visit(first of a cell's columns, first channel of the result where they land).
  template <class Visit>
  void for_each_landing(Visit&& visit) const {
    for (int64_t p = 0; p < positions(); ++p) {
      for (int64_t k = 0; k < h_.filter; ++k) {
        const int64_t oy = p / v_.in * h_.stride + k - h_.pad;
        if (oy < 0 || oy >= h_.out) continue;
        for (int64_t l = 0; l < v_.filter; ++l) {
          const int64_t ox = p % v_.in * v_.stride + l - v_.pad;
          if (ox < 0 || ox >= v_.out) continue;
          visit(p * columns() + (k * v_.filter + l) * outputs_, (oy * v_.out + ox) * outputs_);
        }
      }
    }
  }

  /// dy where the fused activation lets it pass.
  void inside(const float* y, const float* dy, std::vector<float>& passed) const {
    passed.assign(dy, dy + h_.out * v_.out * outputs_);
    for (size_t i = 0; i < passed.size(); ++i) {
      if (!(y[i] > range_.low && y[i] < range_.high)) passed[i] = 0;
    }
  }

  Operand x_, w_, bias_;
  Value* y_;
  GradientSum dx_, dw_, dbias_;
  FloatRange range_;
  Axis h_, v_;
  int64_t images_ = 1, inputs_ = 1, outputs_ = 1;
  PackedMatrix product_, back_;
  std::vector<float> weights_;
  std::vector<Buffers> buffers_;  ///< of the parts
};

}  // namespace

std::unique_ptr<Layer> make_transpose_conv(LayerArguments args) {
  require_clamping(args.op.as<TransposeConv2DAttributes>().activation);
  if (args.input(kX).shared() || !args.input(kWeights) || !args.input(kWeights).shared()) {
    refuse(args, "its weights are computed, or its input is constant");
  }
  return std::make_unique<TransposeConvLayer>(std::move(args));
}

}  // namespace smelt::train
