#pragma once

#include "smelt/base/progress.h"
#include "smelt/data/dataset.h"
#include "smelt/ir/model.h"
#include "smelt/quantize/stats.h"

namespace smelt {

struct CalibrateOptions {
  int64_t samples = 200;  ///< chosen from the data set, every class by its share; all where fewer
  uint64_t seed = 0;
  /// Count values too, not only their range: at most 4,096 of each tensor and sample, evenly
  /// spaced.
  bool histograms = true;
  bool channels = false;  ///< the range of each channel too
  int threads = 0;        ///< 0: as many as the machine has
  Progress progress = {};
};

/// Runs the float model over samples of the data set (where it reads a stream, see stream.h, over
/// the first ones in their order, without a reset in between) and records ranges, of each sample
/// and of all, and the histogram of every float tensor of the main graph. The result does not
/// depend on the number of threads. bad_argument where the data set does not fit the model's
/// inputs; bad_file, naming layer and tensor, where a weight or a result is NaN or infinite;
/// unsupported where the model cannot run.
Stats calibrate(const Model& model, const DatasetPtr& data, const CalibrateOptions& options = {});

/// Ranges and histograms of the model's inputs alone, over so many samples of a data set, without
/// running it.
std::map<TensorId, TensorStats> input_stats(const Model& model, const DatasetPtr& data,
                                            int64_t samples);

/// bad_file, naming the op that reads it, where a float constant holds a NaN or an infinity.
void require_finite_constants(const Graph& graph);

}  // namespace smelt
