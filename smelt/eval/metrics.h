#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace smelt {

struct Interval {
  double low = 0;
  double high = 0;
};

/// 95 % confidence interval of a rate seen as `hits` of `count` (Wilson's score interval, 1927:
/// (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.96). {0, 1} where count is 0.
Interval wilson_interval(int64_t hits, int64_t count);

/// The class with the highest score, the first of equal ones; a single score is the probability of
/// class 1, with the threshold 0.5.
int32_t predicted_class(std::span<const float> scores);

/// counts[truth][predicted].
class ConfusionMatrix {
 public:
  ConfusionMatrix() = default;
  explicit ConfusionMatrix(int classes)
      : classes_(classes), counts_(static_cast<size_t>(classes) * static_cast<size_t>(classes)) {}

  int classes() const { return classes_; }
  void add(int truth, int predicted) { ++counts_[index(truth, predicted)]; }
  int64_t count(int truth, int predicted) const { return counts_[index(truth, predicted)]; }
  int64_t total(int truth) const;

 private:
  size_t index(int truth, int predicted) const {
    return static_cast<size_t>(truth) * static_cast<size_t>(classes_) +
           static_cast<size_t>(predicted);
  }

  int classes_ = 0;
  std::vector<int64_t> counts_;
};

}  // namespace smelt
