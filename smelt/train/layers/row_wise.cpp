#include <algorithm>
#include <cmath>
#include <vector>

#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

// Functions of rows of `depth` values: y of x, and the gradient dx added to, from x, y and dy.

struct Softmax {
  float beta = 1;

  void forward(const float* x, float* y, int64_t depth) const {
    const float high = *std::max_element(x, x + depth);
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) {
      y[i] = std::exp((x[i] - high) * beta);
      sum += y[i];
    }
    for (int64_t i = 0; i < depth; ++i) y[i] /= sum;
  }
  void backward(const float*, const float* y, const float* dy, float* dx, int64_t depth) const {
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += y[i] * dy[i];
    for (int64_t i = 0; i < depth; ++i) dx[i] += beta * y[i] * (dy[i] - sum);
  }
};

struct LogSoftmax {
  void forward(const float* x, float* y, int64_t depth) const {
    const float high = *std::max_element(x, x + depth);
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += std::exp(x[i] - high);
    const float log_sum = std::log(sum);
    for (int64_t i = 0; i < depth; ++i) y[i] = x[i] - high - log_sum;
  }
  void backward(const float*, const float* y, const float* dy, float* dx, int64_t depth) const {
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += dy[i];
    for (int64_t i = 0; i < depth; ++i) dx[i] += dy[i] - std::exp(y[i]) * sum;
  }
};

struct L2Normalization {
  static constexpr float kShortest = 1e-6f;  // of LiteRT's kernel

  static float length(const float* x, int64_t depth) {
    float squares = 0;
    for (int64_t i = 0; i < depth; ++i) squares += x[i] * x[i];
    return std::sqrt(squares);
  }
  void forward(const float* x, float* y, int64_t depth) const {
    const float by = std::max(length(x, depth), kShortest);
    for (int64_t i = 0; i < depth; ++i) y[i] = x[i] / by;
  }
  void backward(const float* x, const float* y, const float* dy, float* dx, int64_t depth) const {
    const float by = length(x, depth);
    float along = 0;
    for (int64_t i = 0; i < depth; ++i) along += y[i] * dy[i];
    if (by <= kShortest) along = 0;  // x is divided by a constant
    const float factor = 1 / std::max(by, kShortest);
    for (int64_t i = 0; i < depth; ++i) dx[i] += factor * (dy[i] - y[i] * along);
  }
};

/// y = x s^-beta with s = bias + alpha * the sum of squares from `radius` places before up to
/// `radius` - 1 behind (as LiteRT has it).
struct LocalResponse {
  LocalResponseNormalizationAttributes a;

  /// The sum of term(j) over j in [first, last] that exist.
  template <class Term>
  static double sum_over(int64_t first, int64_t last, int64_t depth, Term&& term) {
    double sum = 0;
    for (int64_t j = std::max<int64_t>(0, first); j <= std::min(depth - 1, last); ++j) {
      sum += term(j);
    }
    return sum;
  }
  std::vector<double> sums(const float* x, int64_t depth) const {
    std::vector<double> s;
    for (int64_t i = 0; i < depth; ++i) {
      const auto square = [&](int64_t j) { return double{x[j]} * double{x[j]}; };
      s.push_back(double{a.bias} +
                  double{a.alpha} * sum_over(i - a.radius, i + a.radius - 1, depth, square));
    }
    return s;
  }
  void forward(const float* x, float* y, int64_t depth) const {
    const std::vector<double> s = sums(x, depth);
    for (int64_t i = 0; i < depth; ++i) {
      y[i] = x[i] * static_cast<float>(std::pow(s[static_cast<size_t>(i)], -double{a.beta}));
    }
  }
  void backward(const float* x, const float*, const float* dy, float* dx, int64_t depth) const {
    const std::vector<double> s = sums(x, depth);
    const double alpha = a.alpha, beta = a.beta;
    const auto power = [&](int64_t i, double exponent) {
      return std::pow(s[static_cast<size_t>(i)], exponent);
    };
    const auto other = [&](int64_t j) {
      return double{dy[j]} * double{x[j]} * power(j, -beta - 1);
    };
    for (int64_t i = 0; i < depth; ++i) {
      const double others = sum_over(i - a.radius + 1, i + a.radius, depth, other);
      dx[i] += static_cast<float>(double{dy[i]} * power(i, -beta) -
                                  2 * alpha * beta * double{x[i]} * others);
    }
  }
};

template <class F>
class RowWiseLayer final : public Layer {
 public:
  RowWiseLayer(LayerArguments args, F f)
      : Layer(std::move(args.name)),
        x_(args.input(0)),
        y_(args.outputs.at(0)),
        dx_(x_),
        f_(f),
        depth_(x_.shape().rank() == 0 ? 1 : x_.shape().back()) {}

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) {
        for (int64_t i = 0; i < y_->size; i += depth_) {
          f_.forward(x_.sample(n) + i, y_->sample(n) + i, depth_);
        }
      }
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !dx_.wanted()) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        for (int64_t i = 0; i < y_->size; i += depth_) {
          f_.backward(x_.sample(n) + i, y_->sample(n) + i, y_->sample_grad(n) + i,
                      dx_.at(part, n) + i, depth_);
        }
      }
    });
    dx_.finish(step);
  }

 private:
  Operand x_;
  Value* y_;
  GradientSum dx_;
  F f_;
  int64_t depth_;
};

}  // namespace

std::unique_ptr<Layer> make_row_wise(LayerArguments args) {
  switch (args.op.type) {
    case OpType::softmax: {
      const float beta = args.op.as<SoftmaxAttributes>().beta;
      return std::make_unique<RowWiseLayer<Softmax>>(std::move(args), Softmax{beta});
    }
    case OpType::log_softmax:
      return std::make_unique<RowWiseLayer<LogSoftmax>>(std::move(args), LogSoftmax{});
    case OpType::local_response_normalization: {
      const auto a = args.op.as<LocalResponseNormalizationAttributes>();
      return std::make_unique<RowWiseLayer<LocalResponse>>(std::move(args), LocalResponse{a});
    }
    default:
      if (args.op.as<FusedAttributes>().activation != Activation::none) {
        refuse(args, "it has a fused activation");
      }
      return std::make_unique<RowWiseLayer<L2Normalization>>(std::move(args), L2Normalization{});
  }
}

}  // namespace smelt::train
