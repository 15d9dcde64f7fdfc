#include <cmath>

#include "smelt/kernels/reduce_plan.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/kernel_operand.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

class ReduceLayer final : public Layer {
 public:
  explicit ReduceLayer(LayerArguments args)
      : Layer(std::move(args.name)),
        type_(args.op.type),
        x_(args.input(0)),
        y_(args.outputs.at(0)),
        dx_(x_),
        plan_(make_reduce_plan(kernel_arguments(args.graph, args.op))) {}

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) reduce(x_.sample(n), y_->sample(n));
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !dx_.wanted()) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      std::vector<float> weight(static_cast<size_t>(plan_.outputs));
      std::vector<float> value(weight.size());
      for (int64_t n = first; n < last; ++n) {
        const float* x = x_.sample(n);
        prepare_spread(x, y_->sample_grad(n), value.data(), weight.data());
        spread(x, value.data(), weight.data(), dx_.at(part, n));
      }
    });
    dx_.finish(step);
  }

 private:
  void reduce(const float* x, float* y) const {
    switch (type_) {
      case OpType::reduce_max:
        return plan_.fold(x, y, std::numeric_limits<float>::lowest(),
                          [](float a, float b) { return b > a ? b : a; });
      case OpType::reduce_min:
        return plan_.fold(x, y, std::numeric_limits<float>::max(),
                          [](float a, float b) { return b < a ? b : a; });
      case OpType::reduce_prod:
        return plan_.fold(x, y, 1.0f, std::multiplies<float>());
      default:
        plan_.fold(x, y, 0.0f, std::plus<float>());
    }
    if (type_ != OpType::mean) return;
    const auto count = static_cast<float>(plan_.reduced);
    for (int64_t i = 0; i < plan_.outputs; ++i) y[i] /= count;
  }

  /// For each result, what `spread` needs beside x: of a sum the gradient of each element; of a
  /// maximum its value, and the gradient of each of those that are equal to it.
  void prepare_spread(const float* x, const float* dy, float* value, float* weight) const {
    const auto outputs = static_cast<size_t>(plan_.outputs);
    std::copy_n(dy, outputs, weight);
    if (type_ == OpType::mean) {
      const float share = 1.0f / static_cast<float>(plan_.reduced);
      for (size_t i = 0; i < outputs; ++i) weight[i] *= share;
    }
    if (type_ != OpType::reduce_max && type_ != OpType::reduce_min) return;
    reduce(x, value);
    std::vector<float> equal(outputs, 0.0f);
    each_element(x, [&](int64_t i, int64_t out) {
      equal[static_cast<size_t>(out)] += x[i] == value[out] ? 1.0f : 0.0f;
    });
    for (size_t i = 0; i < outputs; ++i) weight[i] /= equal[i];
  }

  void spread(const float* x, const float* value, const float* weight, float* dx) const {
    switch (type_) {
      case OpType::reduce_max:
      case OpType::reduce_min:
        return each_element(x, [&](int64_t i, int64_t out) {
          if (x[i] == value[out]) dx[i] += weight[out];
        });
      case OpType::reduce_prod:
        return spread_product(x, weight, dx);
      default:
        each_element(x, [&](int64_t i, int64_t out) { dx[i] += weight[out]; });
    }
  }

  /// The slope over an element is the product of the others: with one 0 among them only that one
  /// has a slope, with two none has.
  void spread_product(const float* x, const float* weight, float* dx) const {
    std::vector<float> others(static_cast<size_t>(plan_.outputs), 1.0f);
    std::vector<int64_t> zeros(others.size(), 0);
    each_element(x, [&](int64_t i, int64_t out) {
      if (x[i] == 0) {
        ++zeros[static_cast<size_t>(out)];
      } else {
        others[static_cast<size_t>(out)] *= x[i];
      }
    });
    each_element(x, [&](int64_t i, int64_t out) {
      const auto o = static_cast<size_t>(out);
      if (zeros[o] == 0) dx[i] += weight[o] * others[o] / x[i];
      if (zeros[o] == 1 && x[i] == 0) dx[i] += weight[o] * others[o];
    });
  }

  /// visit(element of x, its result).
  template <class Visit>
  void each_element(const float* x, Visit&& visit) const {
    plan_.for_each_row(x, [&](const float* row, int64_t out) {
      const int64_t at = row - x;
      for (int64_t i = 0; i < plan_.row; ++i) visit(at + i, plan_.kept ? out + i : out);
    });
  }

  OpType type_;
  Operand x_;
  Value* y_;
  GradientSum dx_;
  ReducePlan plan_;
};

}  // namespace

std::unique_ptr<Layer> make_reduction(LayerArguments args) {
  return std::make_unique<ReduceLayer>(std::move(args));
}

}  // namespace smelt::train
