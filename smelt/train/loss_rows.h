#pragma once

#include <span>

#include "smelt/train/loss.h"

namespace smelt::train {

/// The loss of one position, and its derivative by the E values there.
struct LossRow {
  std::span<const float> x;        ///< [E], as LossForm says
  std::span<const double> target;  ///< [E]; of sparse classes one-hot; smoothed
  std::span<double> gradient;      ///< [E]: written
};

double loss_row(const LossSettings& settings, LossForm form, const LossRow& row);

/// p [E] = exp(x / t) / sum over e of exp(x / t); returns log of that sum.
double softmax(std::span<const float> x, double temperature, std::span<double> p);

double sigmoid(double x);

}  // namespace smelt::train
