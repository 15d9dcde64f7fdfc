#include <cmath>
#include <limits>
#include <numbers>

#include "smelt/kernels/gate_functions.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

// A function of single values: its value at x, and its slope there, for which y is at hand.

/// RELU and its relatives: the gradient passes inside of (low, high), as in TensorFlow.
struct Clamp {
  float low, high;
  float value(float x) const { return x < low ? low : x > high ? high : x; }
  float slope(float x, float) const { return x > low && x < high ? 1.0f : 0.0f; }
};

struct LeakyRelu {
  float alpha;
  float value(float x) const { return x > 0 ? x : alpha * x; }
  float slope(float x, float) const { return x > 0 ? 1.0f : alpha; }
};

struct Elu {
  float value(float x) const { return x < 0 ? std::expm1(x) : x; }
  float slope(float x, float y) const { return x < 0 ? y + 1 : 1.0f; }
};

struct HardSwish {
  float value(float x) const { return x * Clamp{0, 6}.value(x + 3) / 6; }
  float slope(float x, float) const { return x <= -3 ? 0.0f : x >= 3 ? 1.0f : (2 * x + 3) / 6; }
};

struct Gelu {
  static constexpr float kSqrtHalf = 0.70710678118654752440f;
  static constexpr float kDensity = 0.39894228040143267794f;  // 1 / sqrt(2 pi)
  float value(float x) const { return 0.5f * x * std::erfc(-x * kSqrtHalf); }
  float slope(float x, float) const {
    return 0.5f * std::erfc(-x * kSqrtHalf) + x * kDensity * std::exp(-0.5f * x * x);
  }
};

struct GeluTanh {
  static constexpr float kSqrt2OverPi = 0.79788456080286535588f;
  static constexpr float kCubic = 0.044715f;
  static float inner(float x) { return std::tanh(kSqrt2OverPi * (x + kCubic * x * x * x)); }
  float value(float x) const { return 0.5f * x * (1 + inner(x)); }
  float slope(float x, float) const {
    const float t = inner(x);
    return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * kSqrt2OverPi * (1 + 3 * kCubic * x * x);
  }
};

struct Logistic {
  void values(const float* x, int64_t count, float* y) const { logistic(x, count, y); }
  float slope(float, float y) const { return y * (1 - y); }
};

struct Tanh {
  void values(const float* x, int64_t count, float* y) const {
    activate(Activation::tanh, x, count, y);
  }
  float slope(float, float y) const { return 1 - y * y; }
};

struct Abs {
  float value(float x) const { return std::abs(x); }
  float slope(float x, float) const { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }
};
struct Neg {
  float value(float x) const { return -x; }
  float slope(float, float) const { return -1; }
};
struct Exp {
  float value(float x) const { return std::exp(x); }
  float slope(float, float y) const { return y; }
};
struct Log {
  float value(float x) const { return std::log(x); }
  float slope(float x, float) const { return 1 / x; }
};
struct Sqrt {
  float value(float x) const { return std::sqrt(x); }
  float slope(float, float y) const { return 0.5f / y; }
};
struct Rsqrt {
  float value(float x) const { return 1 / std::sqrt(x); }
  float slope(float, float y) const { return -0.5f * y * y * y; }
};
struct Square {
  float value(float x) const { return x * x; }
  float slope(float x, float) const { return 2 * x; }
};
struct Sin {
  float value(float x) const { return std::sin(x); }
  float slope(float x, float) const { return std::cos(x); }
};
struct Cos {
  float value(float x) const { return std::cos(x); }
  float slope(float x, float) const { return -std::sin(x); }
};
struct Sign {
  float value(float x) const { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }
  float slope(float, float) const { return 0; }
};

// Steps let the gradient pass as if they were not there (straight-through estimator).
struct Floor {
  float value(float x) const { return std::floor(x); }
  float slope(float, float) const { return 1; }
};
struct Ceil {
  float value(float x) const { return std::ceil(x); }
  float slope(float, float) const { return 1; }
};
struct Round {
  float value(float x) const { return std::nearbyint(x); }
  float slope(float, float) const { return 1; }
};

template <class F>
class UnaryLayer final : public Layer {
 public:
  UnaryLayer(LayerArguments args, F f)
      : Layer(std::move(args.name)), x_(args.input(0)), y_(args.outputs.at(0)), dx_(x_), f_(f) {}

  void forward(const Step& step) override {
    for_elements(step, step.samples * y_->size, [&](int64_t first, int64_t last) {
      each_run(first, last, [&](const float* x, int64_t at, int64_t count) {
        compute(x, count, y_->data + at);
      });
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !dx_.wanted()) return;
    const F f = f_;
    if (!x_.shared()) {
      for_elements(step, step.samples * y_->size, [&](int64_t first, int64_t last) {
        const float* x = x_.data();
        const float* y = y_->data;
        const float* dy = y_->grad;
        write_gradient(x_, first, last, [=](int64_t i) { return dy[i] * f.slope(x[i], y[i]); });
      });
      return;
    }
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        const float* x = x_.data();
        const float* y = y_->sample(n);
        const float* dy = y_->sample_grad(n);
        float* dx = dx_.at(part, n);
        for (int64_t i = 0; i < y_->size; ++i) dx[i] += dy[i] * f.slope(x[i], y[i]);
      }
    });
    dx_.finish(step);
  }

 private:
  /// visit(x, first of y, count) for runs that do not reach beyond one sample of a shared x.
  template <class Visit>
  void each_run(int64_t first, int64_t last, Visit&& visit) const {
    if (!x_.shared()) return visit(x_.data() + first, first, last - first);
    while (first < last) {
      const int64_t inside = first % y_->size;
      const int64_t count = std::min(last - first, y_->size - inside);
      visit(x_.data() + inside, first, count);
      first += count;
    }
  }

  void compute(const float* x, int64_t count, float* y) const {
    if constexpr (requires { f_.values(x, count, y); }) {
      f_.values(x, count, y);
    } else {
      const F f = f_;
      for (int64_t i = 0; i < count; ++i) y[i] = f.value(x[i]);
    }
  }

  Operand x_;
  Value* y_;
  GradientSum dx_;
  F f_;
};

template <class F>
std::unique_ptr<Layer> unary(LayerArguments args, F f) {
  return std::make_unique<UnaryLayer<F>>(std::move(args), f);
}

}  // namespace

std::unique_ptr<Layer> make_unary(LayerArguments args) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (args.op.type) {
    case OpType::relu:
      return unary(std::move(args), Clamp{0, kInfinity});
    case OpType::relu6:
      return unary(std::move(args), Clamp{0, 6});
    case OpType::relu_n1_to_1:
      return unary(std::move(args), Clamp{-1, 1});
    case OpType::relu_0_to_1:
      return unary(std::move(args), Clamp{0, 1});
    case OpType::leaky_relu: {
      const float alpha = args.op.as<LeakyReluAttributes>().alpha;
      return unary(std::move(args), LeakyRelu{alpha});
    }
    case OpType::elu:
      return unary(std::move(args), Elu{});
    case OpType::hard_swish:
      return unary(std::move(args), HardSwish{});
    case OpType::gelu:
      if (args.op.as<GeluAttributes>().approximate) return unary(std::move(args), GeluTanh{});
      return unary(std::move(args), Gelu{});
    case OpType::logistic:
      return unary(std::move(args), Logistic{});
    case OpType::tanh:
      return unary(std::move(args), Tanh{});
    case OpType::abs:
      return unary(std::move(args), Abs{});
    case OpType::neg:
      return unary(std::move(args), Neg{});
    case OpType::exp:
      return unary(std::move(args), Exp{});
    case OpType::log:
      return unary(std::move(args), Log{});
    case OpType::sqrt:
      return unary(std::move(args), Sqrt{});
    case OpType::rsqrt:
      return unary(std::move(args), Rsqrt{});
    case OpType::square:
      return unary(std::move(args), Square{});
    case OpType::sin:
      return unary(std::move(args), Sin{});
    case OpType::cos:
      return unary(std::move(args), Cos{});
    case OpType::sign:
      return unary(std::move(args), Sign{});
    case OpType::floor:
      return unary(std::move(args), Floor{});
    case OpType::ceil:
      return unary(std::move(args), Ceil{});
    case OpType::round:
      return unary(std::move(args), Round{});
    default:
      refuse(args, "it is no function of single values");
  }
}

}  // namespace smelt::train
