#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "smelt/data/dataset.h"

namespace smelt::train {

/// The values of a data set's samples, kept from their first reading on; where all of them would
/// take more than `max_bytes`, only as many of the first ones as fit. May be read from several
/// threads at once.
class SampleCache {
 public:
  SampleCache(DatasetPtr dataset, int64_t max_bytes);

  /// The values of an input of a sample; `scratch`, of the input's size, is used where they are not
  /// kept.
  std::span<const float> read(int64_t sample, int input, std::vector<float>& scratch);

 private:
  enum State : uint8_t { empty, being_read, kept };

  DatasetPtr dataset_;
  std::vector<int64_t> offsets_;  ///< of each input in a sample's values
  int64_t sample_values_ = 0;
  int64_t kept_samples_ = 0;
  std::unique_ptr<float[]> values_;
  std::vector<std::atomic<uint8_t>> states_;  ///< per kept sample and input
};

}  // namespace smelt::train
