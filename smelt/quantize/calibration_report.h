#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/quantize/range.h"
#include "smelt/quantize/stats.h"

namespace smelt {

/// What batch normalization saw behind itself when the model was trained.
struct TrainedScale {
  TensorId result;    ///< of it, or of the activation that alone reads it
  std::string layer;  ///< its name
  double rms = 0;     ///< root mean square of the result's values, all channels together
};

/// For every BATCH_NORMALIZATION op of a model in training form, in order: its results are taken as
/// normal with mean beta and deviation gamma in each channel, cut by a ReLU that follows.
std::vector<TrainedScale> trained_scales(const Model& model);

/// What calibration can be compared with.
struct CalibrationContext {
  std::vector<TrainedScale> trained = {};
  std::optional<Range> declared_range = {};  ///< of inputs, as the user says
  /// Inputs of the data that the model is evaluated on (see input_stats); empty: not known.
  std::map<TensorId, TensorStats> evaluated = {};
};

/// Something about the calibration data that is likely wrong.
struct CalibrationWarning {
  std::string kind;    ///< samples, constant, random, range, scale, drift, dead, outliers
  std::string tensor;  ///< that it is about
  std::string text;    ///< what is wrong, and what to do
  /// Whether a person should see it; others are for the report alone.
  bool urgent = true;
};

struct CalibrationReport {
  int64_t samples = 0;
  /// How much of the ranges of all samples so many of them cover, evenly taken: the mean over
  /// tensors of width over width, from 0 to 1.
  struct Coverage {
    int64_t samples = 0;
    double share = 0;
  };
  std::vector<Coverage> convergence;
  std::string verdict;  ///< whether the samples are enough, in words
  std::vector<CalibrationWarning> warnings;
};

/// Judges what calibrate saw of a model in inference form.
CalibrationReport report_calibration(const Model& model, const Stats& stats,
                                     const CalibrationContext& context = {});

nlohmann::json to_json(const CalibrationReport& report);

}  // namespace smelt
