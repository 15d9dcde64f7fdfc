#include "smelt/kernels/operands.h"
#include "smelt/ops/infer.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

/// Sums along an axis; the gradient is summed in the other direction.
class CumsumLayer final : public Layer {
 public:
  CumsumLayer(LayerArguments args, AxisSplit split)
      : Layer(std::move(args.name)),
        x_(args.input(0)),
        y_(args.outputs.at(0)),
        dx_(x_),
        split_(split),
        attributes_(args.op.as<CumsumAttributes>()) {}

  void forward(const Step& step) override {
    for_samples(step, [&](int64_t n) {
      float* y = y_->sample(n);
      std::fill_n(y, y_->size, 0.0f);
      add_sums(x_.sample(n), attributes_.reverse, y);
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !dx_.wanted()) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        add_sums(y_->sample_grad(n), !attributes_.reverse, dx_.at(part, n));
      }
    });
    dx_.finish(step);
  }

 private:
  /// y[i] += the sum of x over all places up to i, or with `reverse` from i on.
  void add_sums(const float* x, bool reverse, float* y) const {
    std::vector<float> sum(static_cast<size_t>(split_.inner));
    for (int64_t outer = 0; outer < split_.outer; ++outer) {
      std::ranges::fill(sum, 0.0f);
      for (int64_t i = 0; i < split_.axis; ++i) {
        const int64_t place = reverse ? split_.axis - 1 - i : i;
        const int64_t at = (outer * split_.axis + place) * split_.inner;
        for (int64_t k = 0; k < split_.inner; ++k) {
          float& so_far = sum[static_cast<size_t>(k)];
          if (attributes_.exclusive) y[at + k] += so_far;
          so_far += x[at + k];
          if (!attributes_.exclusive) y[at + k] += so_far;
        }
      }
    }
  }

  Operand x_;
  Value* y_;
  GradientSum dx_;
  AxisSplit split_;
  CumsumAttributes attributes_;
};

}  // namespace

std::unique_ptr<Layer> make_cumsum(LayerArguments args) {
  const Shape& x = args.graph.tensor(args.op.input(0)).shape;
  const Tensor* axis = args.graph.constant_input(args.op, 1);
  const auto values = axis != nullptr ? index_values(*axis) : std::nullopt;
  if (!values || values->size() != 1) refuse(args, "its axis is not constant");
  const AxisSplit split = split_at(x, normalized_axis((*values)[0], x.rank()));
  return std::make_unique<CumsumLayer>(std::move(args), split);
}

}  // namespace smelt::train
