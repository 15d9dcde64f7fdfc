#pragma once

#include <vector>

#include "smelt/data/dataset.h"
#include "smelt/ir/model.h"

namespace smelt {

/// The outputs of a float model for every sample, to compare quantized ones with.
class FloatOutputs {
 public:
  FloatOutputs(const Model& model, const Dataset& data, int threads);

  /// Signal to noise of the other model's outputs, all float outputs taken together.
  double error_db(const Model& quantized, int threads) const;

 private:
  using Values = std::vector<std::vector<float>>;  ///< by sample, outputs behind each other
  Values run(const Model& model, int threads) const;

  const Dataset& data_;
  Values values_;
};

/// 10 log10(signal / noise), within +-kMostDb; kMostDb where there is no noise.
inline constexpr double kMostDb = 200;
double to_db(double signal, double noise);

}  // namespace smelt
