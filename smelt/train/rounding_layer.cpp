#include "smelt/train/rounding_layer.h"

#include <array>
#include <limits>

#include "smelt/train/blocks/row_math.h"

namespace smelt::train {
namespace {

class RoundingLayer : public Layer {
 public:
  RoundingLayer(std::string name, const FakeQuant& quant, Operand x, Value* y)
      : Layer(std::move(name)), quant_(quant), x_(x), y_(y) {}

  void forward(const Step& step) override {
    for_each_part(step, [&](int64_t, int64_t first, int64_t count) {
      fake_quantize(quant_, x_.data() + first, y_->data + first, count);
    });
  }

  void backward(const Step& step) override {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const RowTransform transform{.low = -kInfinity,
                                 .high = kInfinity,
                                 .step = quant_.scale,
                                 .quant_low = quant_.real_low(),
                                 .quant_high = quant_.real_high()};
    std::array<GradientSums, kPartials> sums{};
    for_each_part(step, [&](int64_t part, int64_t first, int64_t count) {
      const float* x = x_.data() + first;
      const float* dy = y_->grad + first;
      if (quant_.range != nullptr && !quant_.range->grad.empty()) {
        add_clipped(transform, x, dy, count, sums[static_cast<size_t>(part)]);
      }
      if (!x_.needs_grad()) return;
      float* dx = x_.grad() + first;
      if (!x_.accumulate) {
        gradient_rows(flat(count), transform, {}, x, dy, dx, count);
        return;
      }
      std::vector<float> passed(static_cast<size_t>(count));
      gradient_rows(flat(count), transform, {}, x, dy, passed.data(), count);
      add_values(passed.data(), dx, count);
    });
    if (quant_.range == nullptr || quant_.range->grad.empty()) return;
    for (const GradientSums& s : sums) {
      quant_.range->grad[0] += s.clipped_low;
      quant_.range->grad[1] += s.clipped_high;
    }
  }

 private:
  static RowsView flat(int64_t count) { return {.rows = 1, .stride = count, .channels = count}; }

  /// The sums over `count` values, which are taken as rows of a few channels.
  static void add_clipped(const RowTransform& transform, const float* x, const float* dy,
                          int64_t count, GradientSums& sums) {
    constexpr int64_t kChannels = 16;
    std::array<float, kChannels> du{};
    sums.du = du.data();
    const int64_t rows = count / kChannels;
    add_gradient_sums({rows, kChannels, kChannels}, transform, x, dy, sums);
    const int64_t done = rows * kChannels;
    add_gradient_sums({1, kChannels, count - done}, transform, x + done, dy + done, sums);
  }

  template <class Visit>
  void for_each_part(const Step& step, Visit&& visit) const {
    step.workers->run(kPartials, [&](int, int64_t part) {
      const RowRange range = rows_of_task(step.samples * y_->size, kPartials, part);
      visit(part, range.begin, range.end - range.begin);
    });
  }

  const FakeQuant& quant_;
  Operand x_;
  Value* y_;
};

}  // namespace

std::unique_ptr<Layer> make_rounding_layer(std::string name, const FakeQuant& quant, Operand x,
                                           Value* y) {
  return std::make_unique<RoundingLayer>(std::move(name), quant, x, y);
}

}  // namespace smelt::train
