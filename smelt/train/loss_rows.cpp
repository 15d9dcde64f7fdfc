#include "smelt/train/loss_rows.h"

#include <algorithm>
#include <cmath>

namespace smelt::train {
namespace {

/// keras.config.epsilon().
constexpr double kEpsilon = 1e-7;

struct Clipped {
  double value;
  bool inside;  ///< gradients pass
};

Clipped clip(double p) {
  // Keras clips floats: their limits are not quite those of double.
  constexpr double kLow = static_cast<float>(kEpsilon);
  constexpr double kHigh = static_cast<float>(1 - kEpsilon);
  return {std::clamp(p, kLow, kHigh), p >= kLow && p <= kHigh};
}

double softmax_logits(const LossRow& row) {
  const double log_sum = softmax(row.x, 1, row.gradient);
  double loss = 0, total = 0;
  for (const double t : row.target) total += t;
  for (size_t e = 0; e < row.x.size(); ++e) {
    if (row.target[e] != 0) loss += row.target[e] * (log_sum - row.x[e]);
    row.gradient[e] = total * row.gradient[e] - row.target[e];
  }
  return loss;
}

/// Probabilities of Keras's sparse loss: clipped, then divided by their sum.
double clipped_probabilities(const LossRow& row) {
  double sum = 0, total = 0, loss = 0;
  for (const float x : row.x) sum += clip(x).value;
  for (const double t : row.target) total += t;
  for (size_t e = 0; e < row.x.size(); ++e) {
    const Clipped p = clip(row.x[e]);
    loss -= row.target[e] * std::log(p.value / sum);
    row.gradient[e] = p.inside ? total / sum - row.target[e] / p.value : 0;
  }
  return loss;
}

/// Probabilities of Keras's dense loss: divided by their sum, then clipped.
double normalized_probabilities(const LossRow& row) {
  double sum = 0, loss = 0, along = 0;
  for (const float x : row.x) sum += x;
  for (size_t e = 0; e < row.x.size(); ++e) {
    const double share = row.x[e] / sum;
    const Clipped p = clip(share);
    loss -= row.target[e] * std::log(p.value);
    row.gradient[e] = p.inside ? -row.target[e] / p.value : 0;
    along += row.gradient[e] * share;
  }
  for (double& g : row.gradient) g = (g - along) / sum;
  return loss;
}

struct Term {
  double loss;
  double slope;  ///< d loss / d x
};

Term binary_logit(double x, double y) {
  return {std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::fabs(x))), sigmoid(x) - y};
}

Term binary_probability(double x, double y) {
  const Clipped p = clip(x);
  const double loss = -y * std::log(p.value) - (1 - y) * std::log(1 - p.value);
  return {loss, p.inside ? (p.value - y) / (p.value * (1 - p.value)) : 0};
}

Term huber(double d, double delta) {
  const double size = std::fabs(d);
  if (size <= delta) return {d * d / 2, d};
  return {delta * size - delta * delta / 2, std::copysign(delta, d)};
}

Term term(const LossSettings& settings, LossForm form, double x, double y) {
  switch (settings.kind) {
    case LossKind::binary_crossentropy:
      return form == LossForm::values ? binary_probability(x, y) : binary_logit(x, y);
    case LossKind::mae:
      return {std::fabs(x - y), static_cast<double>((x > y) - (x < y))};
    case LossKind::huber:
      return huber(x - y, settings.huber_delta);
    default:
      return {(x - y) * (x - y), 2 * (x - y)};
  }
}

}  // namespace

double sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

double softmax(std::span<const float> x, double temperature, std::span<double> p) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (size_t e = 0; e < x.size(); ++e) {
    p[e] = std::exp((x[e] - largest) / temperature);
    sum += p[e];
  }
  for (double& value : p) value /= sum;
  return largest / temperature + std::log(sum);
}

double loss_row(const LossSettings& settings, LossForm form, const LossRow& row) {
  const bool sparse = settings.kind == LossKind::sparse_categorical_crossentropy;
  if (sparse || settings.kind == LossKind::categorical_crossentropy) {
    if (form == LossForm::softmax_logits) return softmax_logits(row);
    return sparse ? clipped_probabilities(row) : normalized_probabilities(row);
  }
  const auto size = static_cast<double>(row.x.size());
  double loss = 0;
  for (size_t e = 0; e < row.x.size(); ++e) {
    const Term t = term(settings, form, row.x[e], row.target[e]);
    loss += t.loss;
    row.gradient[e] = t.slope / size;
  }
  return loss / size;
}

}  // namespace smelt::train
