#include <cmath>

#include "smelt/kernels/operands.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

enum Input : size_t { kX, kGamma, kBeta, kMean, kVariance };

/// Batch normalization that no block takes in: statistics of the batch while training, the running
/// ones otherwise. Variances are those of the batch (not of what it was drawn from), as in Keras.
class BatchNormLayer final : public Layer {
 public:
  BatchNormLayer(LayerArguments args, AxisSplit split)
      : Layer(std::move(args.name)),
        a_(args.op.as<BatchNormalizationAttributes>()),
        x_(args.input(kX)),
        y_(args.outputs.at(0)),
        dx_(x_),
        gamma_(args.input(kGamma)),
        beta_(args.input(kBeta)),
        mean_(args.statistics.at(kMean)),
        variance_(args.statistics.at(kVariance)),
        frozen_(args.norms_frozen),
        split_(split) {
    const auto channels = static_cast<size_t>(split.axis);
    shift_.resize(channels);
    inverse_.resize(channels);
    sums_.resize(2 * channels * kPartials);
  }

  void forward(const Step& step) override {
    of_batch_ = step.training && !(frozen_ != nullptr && *frozen_);
    if (of_batch_) {
      measure(step);
    } else {
      for (size_t c = 0; c < shift_.size(); ++c) {
        shift_[c] = mean_->data[c];
        inverse_[c] = 1.0f / std::sqrt(variance_->data[c] + a_.epsilon);
      }
    }
    for_samples(step, [&](int64_t n) {
      const float* x = x_.sample(n);
      float* y = y_->sample(n);
      for_each_run([&](int64_t at, size_t c) {
        const float factor = gamma(c) * inverse_[c];
        const float offset = beta(c) - shift_[c] * factor;
        for (int64_t i = at; i < at + split_.inner; ++i) y[i] = x[i] * factor + offset;
      });
    });
  }

  /// With u = (x - mean) / deviation over m values: d gamma = sum dy u, d beta = sum dy and
  /// dx = gamma / deviation * (dy - (d beta + u d gamma) / m) (Ioffe and Szegedy 2015).
  void backward(const Step& step) override {
    if (y_->grad == nullptr) return;
    add_sums(step, [&](int64_t n, int64_t i, size_t c, double& dy_sum, double& du_sum) {
      const double dy = y_->sample_grad(n)[i];
      dy_sum += dy;
      du_sum += dy * static_cast<double>((x_.sample(n)[i] - shift_[c]) * inverse_[c]);
    });
    const double count = values(step);
    const auto channels = static_cast<int64_t>(shift_.size());
    const auto total = [&](int64_t c, bool second) {
      return sums_[static_cast<size_t>(c + (second ? channels : 0))];
    };
    if (beta_ && beta_.needs_grad()) {
      write_gradient(beta_, 0, channels,
                     [&](int64_t c) { return static_cast<float>(total(c, false)); });
    }
    if (gamma_ && gamma_.needs_grad()) {
      write_gradient(gamma_, 0, channels,
                     [&](int64_t c) { return static_cast<float>(total(c, true)); });
    }
    if (!dx_.wanted()) return;
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      dx_.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        const float* x = x_.sample(n);
        const float* dy = y_->sample_grad(n);
        float* dx = dx_.at(part, n);
        for_each_run([&](int64_t at, size_t c) {
          const float factor = gamma(c) * inverse_[c];
          const auto own = static_cast<int64_t>(c);
          const float mean_dy = of_batch_ ? static_cast<float>(total(own, false) / count) : 0.0f;
          const float mean_du = of_batch_ ? static_cast<float>(total(own, true) / count) : 0.0f;
          for (int64_t i = at; i < at + split_.inner; ++i) {
            const float u = (x[i] - shift_[c]) * inverse_[c];
            dx[i] += factor * (dy[i] - mean_dy - u * mean_du);
          }
        });
      }
    });
    dx_.finish(step);
  }

 private:
  float gamma(size_t c) const { return gamma_ ? gamma_.data()[c] : 1.0f; }
  float beta(size_t c) const { return beta_ ? beta_.data()[c] : 0.0f; }
  double values(const Step& step) const {
    return static_cast<double>(step.samples * split_.outer * split_.inner);
  }

  /// visit(first of `inner` values of a sample, their channel).
  template <class Visit>
  void for_each_run(Visit&& visit) const {
    int64_t at = 0;
    for (int64_t outer = 0; outer < split_.outer; ++outer) {
      for (size_t c = 0; c < shift_.size(); ++c, at += split_.inner) visit(at, c);
    }
  }

  /// Two sums per channel over all values of the batch, which stand in front in sums_ then.
  template <class Add>
  void add_sums(const Step& step, Add&& add) {
    const size_t channels = shift_.size();
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      double* sums = sums_.data() + static_cast<size_t>(part) * 2 * channels;
      std::fill_n(sums, 2 * channels, 0.0);
      for (int64_t n = first; n < last; ++n) {
        for_each_run([&](int64_t at, size_t c) {
          for (int64_t i = at; i < at + split_.inner; ++i) {
            add(n, i, c, sums[c], sums[channels + c]);
          }
        });
      }
    });
    for (size_t i = 2 * channels; i < sums_.size(); ++i) sums_[i % (2 * channels)] += sums_[i];
  }

  /// Mean first, then the squares around it, so that little is lost where the mean is large.
  void measure(const Step& step) {
    const double count = values(step);
    add_sums(step, [&](int64_t n, int64_t i, size_t, double& sum, double&) {
      sum += static_cast<double>(x_.sample(n)[i]);
    });
    for (size_t c = 0; c < shift_.size(); ++c) shift_[c] = static_cast<float>(sums_[c] / count);
    add_sums(step, [&](int64_t n, int64_t i, size_t c, double& sum, double&) {
      const double d = static_cast<double>(x_.sample(n)[i]) - static_cast<double>(shift_[c]);
      sum += d * d;
    });
    for (size_t c = 0; c < shift_.size(); ++c) {
      const double variance = sums_[c] / count;
      inverse_[c] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(a_.epsilon)));
      mean_->data[c] += (1 - a_.momentum) * (shift_[c] - mean_->data[c]);
      variance_->data[c] += (1 - a_.momentum) * (static_cast<float>(variance) - variance_->data[c]);
    }
  }

  BatchNormalizationAttributes a_;
  Operand x_;
  Value* y_;
  GradientSum dx_;
  Operand gamma_, beta_;
  Statistic* mean_;
  Statistic* variance_;
  const bool* frozen_;
  AxisSplit split_;
  bool of_batch_ = false;               ///< what the last forward pass normalized by
  std::vector<float> shift_, inverse_;  ///< mean and 1 / deviation
  std::vector<double> sums_;
};

}  // namespace

std::unique_ptr<Layer> make_batch_norm(LayerArguments args) {
  const auto& a = args.op.as<BatchNormalizationAttributes>();
  const Operand x = args.input(kX);
  if (args.statistics.size() <= kVariance || args.statistics[kMean] == nullptr ||
      args.statistics[kVariance] == nullptr) {
    refuse(args, "its running statistics are not constant");
  }
  for (const size_t i : {kGamma, kBeta}) {
    if (args.op.input(i) && (!args.input(i) || !args.input(i).shared())) {
      refuse(args, "its gamma or beta is computed");
    }
  }
  if (x.shared()) refuse(args, "its input is constant");
  const AxisSplit split = split_at(x.shape(), normalized_axis(a.axis, x.shape().rank()));
  return std::make_unique<BatchNormLayer>(std::move(args), split);
}

}  // namespace smelt::train
