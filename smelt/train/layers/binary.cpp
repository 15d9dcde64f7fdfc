#include <cmath>

#include "smelt/kernels/broadcast.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/kernel_operand.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

// A function of two values: its value, and its slopes over the first and the second.

struct Add {
  float value(float a, float b) const { return a + b; }
  float slope_a(float, float) const { return 1; }
  float slope_b(float, float) const { return 1; }
};
struct Sub {
  float value(float a, float b) const { return a - b; }
  float slope_a(float, float) const { return 1; }
  float slope_b(float, float) const { return -1; }
};
struct Mul {
  float value(float a, float b) const { return a * b; }
  float slope_a(float, float b) const { return b; }
  float slope_b(float a, float) const { return a; }
};
struct Div {
  float value(float a, float b) const { return a / b; }
  float slope_a(float, float b) const { return 1 / b; }
  float slope_b(float a, float b) const { return -a / (b * b); }
};
struct SquaredDifference {
  float value(float a, float b) const { return (a - b) * (a - b); }
  float slope_a(float a, float b) const { return 2 * (a - b); }
  float slope_b(float a, float b) const { return 2 * (b - a); }
};
// Equal operands: the first one gets the gradient, as in TensorFlow.
struct Maximum {
  float value(float a, float b) const { return a > b ? a : b; }
  float slope_a(float a, float b) const { return a >= b ? 1.0f : 0.0f; }
  float slope_b(float a, float b) const { return a >= b ? 0.0f : 1.0f; }
};
struct Minimum {
  float value(float a, float b) const { return a < b ? a : b; }
  float slope_a(float a, float b) const { return a <= b ? 1.0f : 0.0f; }
  float slope_b(float a, float b) const { return a <= b ? 0.0f : 1.0f; }
};
struct Pow {
  float value(float a, float b) const { return std::pow(a, b); }
  float slope_a(float a, float b) const { return b == 0 ? 0.0f : b * std::pow(a, b - 1); }
  float slope_b(float a, float b) const { return a > 0 ? std::pow(a, b) * std::log(a) : 0.0f; }
};
struct Atan2 {
  float value(float a, float b) const { return std::atan2(a, b); }
  float slope_a(float a, float b) const { return b / (a * a + b * b); }
  float slope_b(float a, float b) const { return -a / (a * a + b * b); }
};
struct Prelu {
  float value(float x, float alpha) const { return x >= 0 ? x : x * alpha; }
  float slope_a(float x, float alpha) const { return x >= 0 ? 1.0f : alpha; }
  float slope_b(float x, float) const { return x >= 0 ? 0.0f : x; }
};

/// The clamp of a fused activation behind F; the gradient passes inside of it.
template <class F>
struct Clamped {
  F f;
  FloatRange range;
  float pass(float a, float b) const {
    const float z = f.value(a, b);
    return z > range.low && z < range.high ? 1.0f : 0.0f;
  }
  float value(float a, float b) const { return clamp(f.value(a, b), range); }
  float slope_a(float a, float b) const { return pass(a, b) * f.slope_a(a, b); }
  float slope_b(float a, float b) const { return pass(a, b) * f.slope_b(a, b); }
};

/// Adds dy * slope(a, b) of a row to `grad`, whose values advance with the row or are one.
template <int kStepA, int kStepB, class Slope>
void add_row(const float* dy, const float* a, const float* b, int64_t count, bool advances,
             float* grad, const Slope& slope) {
  if (advances) {
    for (int64_t i = 0; i < count; ++i) grad[i] += dy[i] * slope(a[i * kStepA], b[i * kStepB]);
  } else {
    float sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += dy[i] * slope(a[i * kStepA], b[i * kStepB]);
    *grad += sum;
  }
}

template <class F>
class BinaryLayer final : public Layer {
 public:
  BinaryLayer(LayerArguments args, F f)
      : Layer(std::move(args.name)),
        a_(args.input(0)),
        b_(args.input(1)),
        y_(args.outputs.at(0)),
        da_(a_),
        db_(b_),
        f_(f) {
    const smelt::Operand a = kernel_operand(args.graph, args.op.input(0));
    const smelt::Operand b = kernel_operand(args.graph, args.op.input(1));
    plan_ = make_broadcast<2>({&a, &b}, kernel_operand(args.graph, args.op.output()));
    flat_ = !a_.shared() && !b_.shared() && plan_.plain();
  }

  void forward(const Step& step) override {
    const auto value = [f = f_](float a, float b) { return f.value(a, b); };
    if (flat_) {
      for_elements(step, step.samples * y_->size, [&](int64_t first, int64_t last) {
        const float* a = a_.data();
        const float* b = b_.data();
        float* y = y_->data;
        for (int64_t i = first; i < last; ++i) y[i] = value(a[i], b[i]);
      });
      return;
    }
    for_parts(step, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) {
        broadcast_binary(plan_, a_.sample(n), b_.sample(n), y_->sample(n), value);
      }
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr) return;
    const auto slope_a = [f = f_](float a, float b) { return f.slope_a(a, b); };
    const auto slope_b = [f = f_](float a, float b) { return f.slope_b(a, b); };
    if (flat_) {
      for_elements(step, step.samples * y_->size, [&](int64_t first, int64_t last) {
        flat_gradient(a_, first, last, slope_a);
        flat_gradient(b_, first, last, slope_b);
      });
      return;
    }
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      da_.begin(part, first, last);
      db_.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        if (da_.wanted()) add_sample(n, da_.at(part, n), 0, slope_a);
        if (db_.wanted()) add_sample(n, db_.at(part, n), 1, slope_b);
      }
    });
    da_.finish(step);
    db_.finish(step);
  }

 private:
  template <class Slope>
  void flat_gradient(const Operand& operand, int64_t first, int64_t last,
                     const Slope& slope) const {
    if (!operand.needs_grad()) return;
    const float* a = a_.data();
    const float* b = b_.data();
    const float* dy = y_->grad;
    write_gradient(operand, first, last, [=](int64_t i) { return dy[i] * slope(a[i], b[i]); });
  }

  template <class Slope>
  void add_sample(int64_t n, float* grad, size_t which, const Slope& slope) const {
    const float* all_a = a_.sample(n);
    const float* all_b = b_.sample(n);
    const float* all_dy = y_->sample_grad(n);
    const bool advances = plan_.advances[which];
    plan_.for_each_row([&](int64_t out, const std::array<int64_t, 2>& offset) {
      const float* a = all_a + offset[0];
      const float* b = all_b + offset[1];
      const float* dy = all_dy + out;
      float* to = grad + offset[which];
      if (plan_.advances[0] && plan_.advances[1]) {
        add_row<1, 1>(dy, a, b, plan_.row, advances, to, slope);
      } else if (plan_.advances[0]) {
        add_row<1, 0>(dy, a, b, plan_.row, advances, to, slope);
      } else if (plan_.advances[1]) {
        add_row<0, 1>(dy, a, b, plan_.row, advances, to, slope);
      } else {
        add_row<0, 0>(dy, a, b, plan_.row, advances, to, slope);
      }
    });
  }

  Operand a_, b_;
  Value* y_;
  GradientSum da_, db_;
  F f_;
  Broadcast<2> plan_;
  bool flat_ = false;  ///< the whole batch is one list of pairs
};

template <class F>
std::unique_ptr<Layer> binary(LayerArguments args, F f) {
  const Activation activation = fused_activation(args.op.attributes).value_or(Activation::none);
  if (activation == Activation::none) {
    return std::make_unique<BinaryLayer<F>>(std::move(args), f);
  }
  require_clamping(activation);
  return std::make_unique<BinaryLayer<Clamped<F>>>(std::move(args),
                                                   Clamped<F>{f, activation_range(activation)});
}

}  // namespace

std::unique_ptr<Layer> make_binary(LayerArguments args) {
  switch (args.op.type) {
    case OpType::add:
      return binary(std::move(args), Add{});
    case OpType::sub:
      return binary(std::move(args), Sub{});
    case OpType::mul:
      return binary(std::move(args), Mul{});
    case OpType::div:
      return binary(std::move(args), Div{});
    case OpType::squared_difference:
      return binary(std::move(args), SquaredDifference{});
    case OpType::maximum:
      return binary(std::move(args), Maximum{});
    case OpType::minimum:
      return binary(std::move(args), Minimum{});
    case OpType::pow:
      return binary(std::move(args), Pow{});
    case OpType::atan2:
      return binary(std::move(args), Atan2{});
    case OpType::prelu:
      return binary(std::move(args), Prelu{});
    default:
      refuse(args, "it is no function of two values");
  }
}

}  // namespace smelt::train
