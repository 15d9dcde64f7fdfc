#include "smelt/train/sample_cache.h"

#include <algorithm>

namespace smelt::train {
namespace {

int64_t samples_that_fit(const Dataset& dataset, int64_t sample_values, int64_t max_bytes) {
  const int64_t bytes = sample_values * static_cast<int64_t>(sizeof(float));
  return std::min(dataset.size(), max_bytes / std::max<int64_t>(bytes, 1));
}

}  // namespace

SampleCache::SampleCache(DatasetPtr dataset, int64_t max_bytes) : dataset_(std::move(dataset)) {
  for (int input = 0; input < dataset_->inputs(); ++input) {
    offsets_.push_back(sample_values_);
    sample_values_ += dataset_->input_shape(input).elements();
  }
  kept_samples_ = samples_that_fit(*dataset_, sample_values_, max_bytes);
  // Left as it is: pages that are never read are never given out.
  values_.reset(new float[static_cast<size_t>(kept_samples_ * sample_values_)]);
  states_ = std::vector<std::atomic<uint8_t>>(static_cast<size_t>(kept_samples_) * offsets_.size());
}

std::span<const float> SampleCache::read(int64_t sample, int input, std::vector<float>& scratch) {
  const auto size = static_cast<size_t>(dataset_->input_shape(input).elements());
  if (sample < kept_samples_) {
    const std::span<float> values(
        values_.get() + sample * sample_values_ + offsets_[static_cast<size_t>(input)], size);
    std::atomic<uint8_t>& state =
        states_[static_cast<size_t>(sample) * offsets_.size() + static_cast<size_t>(input)];
    if (state.load(std::memory_order_acquire) == kept) return values;
    uint8_t expected = empty;
    if (state.compare_exchange_strong(expected, being_read)) {
      dataset_->read(sample, input, values);
      state.store(kept, std::memory_order_release);
      return values;
    }
  }
  scratch.resize(size);
  dataset_->read(sample, input, scratch);
  return scratch;
}

}  // namespace smelt::train
