#include "smelt/train/layers/dropout.h"

#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

/// Inverted dropout while training, the identity otherwise.
class DropoutLayer final : public Layer {
 public:
  explicit DropoutLayer(LayerArguments args)
      : Layer(std::move(args.name)),
        x_(args.input(0)),
        y_(args.outputs.at(0)),
        dx_(x_),
        rate_(args.op.as<DropoutAttributes>().rate),
        number_(layer_number(name())),
        factors_(static_cast<size_t>(args.max_samples * y_->size)) {}

  void forward(const Step& step) override {
    for_samples(step, [&](int64_t n) {
      const float* x = x_.sample(n);
      float* y = y_->sample(n);
      if (!drops(step)) {
        std::copy_n(x, y_->size, y);
        return;
      }
      Random random = sample_random(step, number_, n);
      float* factors = factors_.data() + n * y_->size;
      draw_dropout(random, rate_, factors, y_->size);
      for (int64_t i = 0; i < y_->size; ++i) y[i] = x[i] * factors[i];
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !dx_.wanted()) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        const float* dy = y_->sample_grad(n);
        const float* factors = factors_.data() + n * y_->size;
        float* dx = dx_.at(part, n);
        for (int64_t i = 0; i < y_->size; ++i) dx[i] += drops(step) ? dy[i] * factors[i] : dy[i];
      }
    });
    dx_.finish(step);
  }

 private:
  bool drops(const Step& step) const { return step.training && rate_ > 0; }

  Operand x_;
  Value* y_;
  GradientSum dx_;
  float rate_;
  uint64_t number_;
  std::vector<float> factors_;  ///< of the last forward pass
};

}  // namespace

Random sample_random(const Step& step, uint64_t layer, int64_t sample) {
  // Seeds next to each other would give overlapping sequences, results of `next` do not.
  const uint64_t own = Random(step.seed ^ layer).next();
  return Random(Random(own ^ static_cast<uint64_t>(sample)).next());
}

uint64_t layer_number(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

void draw_dropout(Random& random, float rate, float* factors, int64_t count) {
  const float kept = 1 / (1 - rate);
  const auto bound = static_cast<uint32_t>(static_cast<double>(rate) * 0x1p32);
  uint64_t bits = 0;
  for (int64_t i = 0; i < count; ++i) {
    bits = i % 2 == 0 ? random.next() : bits >> 32;
    factors[i] = static_cast<uint32_t>(bits) < bound ? 0.0f : kept;
  }
}

std::unique_ptr<Layer> make_dropout(LayerArguments args) {
  const float rate = args.op.as<DropoutAttributes>().rate;
  if (!(rate >= 0 && rate < 1)) refuse(args, fmt::format("its rate is {}", rate));
  return std::make_unique<DropoutLayer>(std::move(args));
}

}  // namespace smelt::train
