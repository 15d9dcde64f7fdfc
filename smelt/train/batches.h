#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "smelt/data/dataset.h"
#include "smelt/train/augment.h"

namespace smelt::train {

/// A seed that depends on all of the numbers.
uint64_t mix_seed(uint64_t seed, uint64_t a, uint64_t b = 0);

struct BatchOptions {
  int64_t batch = 32;
  bool shuffle = true;  ///< another order in every epoch
  AugmentSettings augment;
  ValueLimits limits;  ///< what brightness, contrast and cutout go by; see value_limits
  uint64_t seed = 0;
  int64_t first_batch = 0;  ///< counted from the first epoch on: where a stream is taken up again
  int workers = 1;
  /// Samples are kept as read while they fit in.
  int64_t cache_bytes = int64_t{1} << 30;
};

/// Some samples one behind the other, in the order in which they are trained on.
struct Batch {
  int64_t epoch = 0;
  int64_t number = 0;  ///< in its epoch
  int64_t samples = 0;
  std::vector<std::vector<float>> inputs;  ///< per input [samples, ...]
  std::vector<int32_t> labels;             ///< empty where the data set has none
  std::vector<float> targets;              ///< [samples, ...], likewise
};

/// Batches of a data set, epoch after epoch without end, made by threads of its own ahead of time.
/// Every sample comes once in an epoch; the last batch of an epoch may be smaller. What batch n
/// holds depends on n and the seed alone: not on threads, nor on where the stream began.
class BatchStream {
 public:
  /// bad_argument where images are to be changed and no input is an image [H,W,C].
  BatchStream(DatasetPtr dataset, const BatchOptions& options);
  ~BatchStream();
  BatchStream(const BatchStream&) = delete;
  BatchStream& operator=(const BatchStream&) = delete;

  int64_t batches_per_epoch() const;

  /// Valid until the next call. An Error of the data set is thrown here.
  const Batch& next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// 0 to 255 of pixels; else the smallest and largest value of up to `samples` samples.
ValueLimits value_limits(const Dataset& dataset, int64_t samples = 256);

}  // namespace smelt::train
