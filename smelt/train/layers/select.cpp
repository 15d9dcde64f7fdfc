#include "smelt/kernels/broadcast.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/kernel_operand.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

class SelectLayer final : public Layer {
 public:
  explicit SelectLayer(LayerArguments args)
      : Layer(std::move(args.name)),
        condition_(args.input(0)),
        y_(args.outputs.at(0)),
        operands_{GradientSum(args.input(1)), GradientSum(args.input(2))} {
    smelt::Operand condition = kernel_operand(args.graph, args.op.input(0));
    const smelt::Operand y = kernel_operand(args.graph, args.op.output());
    // SELECT's condition of one axis chooses whole rows.
    if (args.op.type == OpType::select && condition.shape.rank() == 1 && y.shape.rank() > 1 &&
        condition.shape[0] != 1) {
      std::vector<int32_t> rows(static_cast<size_t>(y.shape.rank()), 1);
      rows[0] = condition.shape[0];
      condition.shape = Shape(std::move(rows));
    }
    const smelt::Operand a = kernel_operand(args.graph, args.op.input(1));
    const smelt::Operand b = kernel_operand(args.graph, args.op.input(2));
    plan_ = make_broadcast<3>({&condition, &a, &b}, y);
  }

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) {
        float* y = y_->sample(n);
        for_each_value(n, [&](int64_t out, size_t chosen, int64_t at) {
          y[out] = operands_[chosen].operand().sample(n)[at];
        });
      }
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      for (GradientSum& operand : operands_) operand.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        const float* dy = y_->sample_grad(n);
        float* grads[] = {operands_[0].at(part, n), operands_[1].at(part, n)};
        for_each_value(n, [&](int64_t out, size_t chosen, int64_t at) {
          if (grads[chosen] != nullptr) grads[chosen][at] += dy[out];
        });
      }
    });
    for (GradientSum& operand : operands_) operand.finish(step);
  }

 private:
  /// visit(place in the result, which of the two operands, place there).
  template <class Visit>
  void for_each_value(int64_t n, Visit&& visit) const {
    const float* condition = condition_.sample(n);
    plan_.for_each_row([&](int64_t out, const std::array<int64_t, 3>& offset) {
      for (int64_t i = 0; i < plan_.row; ++i) {
        const bool first = condition[offset[0] + (plan_.advances[0] ? i : 0)] != 0;
        const size_t chosen = first ? 0 : 1;
        visit(out + i, chosen, offset[chosen + 1] + (plan_.advances[chosen + 1] ? i : 0));
      }
    });
  }

  Operand condition_;
  Value* y_;
  std::array<GradientSum, 2> operands_;
  Broadcast<3> plan_;
};

/// y = sum of all operands, of one shape.
class SumLayer final : public Layer {
 public:
  explicit SumLayer(LayerArguments args) : Layer(std::move(args.name)), y_(args.outputs.at(0)) {
    for (const Operand& operand : args.inputs) operands_.emplace_back(operand);
  }

  void forward(const Step& step) override {
    for_samples(step, [&](int64_t n) {
      float* y = y_->sample(n);
      std::fill_n(y, y_->size, 0.0f);
      for (const GradientSum& operand : operands_) {
        const float* x = operand.operand().sample(n);
        for (int64_t i = 0; i < y_->size; ++i) y[i] += x[i];
      }
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      for (GradientSum& operand : operands_) {
        operand.begin(part, first, last);
        for (int64_t n = first; operand.wanted() && n < last; ++n) {
          const float* dy = y_->sample_grad(n);
          float* dx = operand.at(part, n);
          for (int64_t i = 0; i < y_->size; ++i) dx[i] += dy[i];
        }
      }
    });
    for (GradientSum& operand : operands_) operand.finish(step);
  }

 private:
  Value* y_;
  std::vector<GradientSum> operands_;
};

}  // namespace

std::unique_ptr<Layer> make_select(LayerArguments args) {
  return std::make_unique<SelectLayer>(std::move(args));
}

std::unique_ptr<Layer> make_sum_of_all(LayerArguments args) {
  return std::make_unique<SumLayer>(std::move(args));
}

}  // namespace smelt::train
