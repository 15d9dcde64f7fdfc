#include "smelt/compress/pruning.h"

#include <algorithm>
#include <cmath>

#include "smelt/base/error.h"

namespace smelt::compress {
namespace {

void check_sparsity(const char* name, double value) {
  if (!(value >= 0 && value < 1)) {
    fail(ErrorKind::bad_argument, "pruning: {} is {}; it must be in [0, 1)", name, value);
  }
}

}  // namespace

void SparsitySchedule::check() const {
  check_sparsity("initial sparsity", initial_sparsity);
  check_sparsity("sparsity", final_sparsity);
  if (begin_step < 0) {
    fail(ErrorKind::bad_argument, "pruning: begins at step {}; steps count from 0", begin_step);
  }
  if (frequency <= 0) {
    fail(ErrorKind::bad_argument, "pruning: frequency is {}; it must be at least 1", frequency);
  }
  if (polynomial && end_step < 0) {
    fail(ErrorKind::bad_argument, "pruning: a polynomial schedule needs its last step");
  }
  if (end_step != -1 && end_step < begin_step) {
    fail(ErrorKind::bad_argument, "pruning: ends at step {}, before it begins at step {}", end_step,
         begin_step);
  }
  if (!(power > 0)) fail(ErrorKind::bad_argument, "pruning: power is {}; it must be > 0", power);
}

bool SparsitySchedule::chooses_at(int64_t step) const {
  return step >= begin_step && (end_step < 0 || step <= end_step) &&
         (step - begin_step) % frequency == 0;
}

double SparsitySchedule::sparsity(int64_t step) const {
  if (step < begin_step) return polynomial ? initial_sparsity : 0;
  if (!polynomial || end_step == begin_step) return final_sparsity;
  const double done = std::min(
      1.0, static_cast<double>(step - begin_step) / static_cast<double>(end_step - begin_step));
  return final_sparsity + (initial_sparsity - final_sparsity) * std::pow(1 - done, power);
}

void PrunePattern::check() const {
  if (block_rows < 1 || block_cols < 1) {
    fail(ErrorKind::bad_argument, "pruning: blocks of {}x{}; sides must be at least 1", block_rows,
         block_cols);
  }
  if (group < 0 || (group > 0 && (zeros_in_group < 1 || zeros_in_group >= group))) {
    fail(ErrorKind::bad_argument, "pruning: {} zeros in every {} values; 1 to {} are possible",
         zeros_in_group, group, group - 1);
  }
  if (group > 0 && (block_rows > 1 || block_cols > 1)) {
    fail(ErrorKind::bad_argument, "pruning: blocks and groups of {}:{} exclude each other",
         zeros_in_group, group);
  }
}

int64_t pruned_count(int64_t size, double sparsity) {
  if (size == 0) return 0;
  const float kept =
      std::nearbyint(static_cast<float>(size) * (1.0f - static_cast<float>(sparsity)));
  return size - std::clamp<int64_t>(static_cast<int64_t>(kept), 1, size);
}

bool fits_glob(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0;
  size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace smelt::compress
