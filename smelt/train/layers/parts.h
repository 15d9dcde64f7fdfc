#pragma once

#include <functional>
#include <vector>

#include "smelt/train/layer.h"

namespace smelt::train {

// How layers walk the samples of a step, and how they leave gradients.

/// body(first, last) over ranges that make up [0, count): work on single values, whose result does
/// not depend on the ranges.
void for_elements(const Step& step, int64_t count,
                  const std::function<void(int64_t, int64_t)>& body);

/// body(part, first, last) for kPartials ranges of samples, some of which may be empty. They depend
/// on the number of samples alone, so that sums made in each part are the same everywhere.
void for_parts(const Step& step, const std::function<void(int64_t, int64_t, int64_t)>& body);

/// body(sample) for every sample.
void for_samples(const Step& step, const std::function<void(int64_t)>& body);

/// The gradient of one operand, added up while samples are walked in parts: of a value, sample by
/// sample in its own memory; of a parameter, in a partial sum for each part.
///   for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
///     dx.begin(part, first, last);
///     for (int64_t n = first; n < last; ++n) add_to(dx.at(part, n));
///   });
///   dx.finish(step);
class GradientSum {
 public:
  GradientSum() = default;
  explicit GradientSum(Operand operand);

  bool wanted() const { return static_cast<bool>(operand_) && operand_.needs_grad(); }
  const Operand& operand() const { return operand_; }

  /// Makes what `at` returns for these samples ready to be added to.
  void begin(int64_t part, int64_t first, int64_t last);
  /// Where sample n's gradient is added; null where none is wanted.
  float* at(int64_t part, int64_t n) {
    if (!wanted()) return nullptr;
    return operand_.shared() ? partial(part) : operand_.value->sample_grad(n);
  }
  /// Behind the last part: adds up the partial sums of a parameter, in order.
  void finish(const Step& step);

 private:
  float* partial(int64_t part) { return partials_.data() + part * operand_.size(); }

  Operand operand_;
  std::vector<float> partials_;
};

/// grad = update, or grad + update where the operand accumulates, for values [first, last).
template <class Update>
void write_gradient(const Operand& operand, int64_t first, int64_t last, Update&& update) {
  float* grad = operand.grad();
  if (operand.accumulate) {
    for (int64_t i = first; i < last; ++i) grad[i] += update(i);
  } else {
    for (int64_t i = first; i < last; ++i) grad[i] = update(i);
  }
}

/// unsupported: "op 3 MEAN (layer pool): why".
[[noreturn]] void refuse(const LayerArguments& arguments, std::string_view why);

}  // namespace smelt::train
