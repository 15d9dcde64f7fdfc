#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/eval/evaluate.h"

namespace smelt {

/// What a small model has to reach to be accepted.
struct Criteria {
  std::optional<double> min_ratio;  ///< bytes of the user's file / bytes of the small one
  std::optional<double> max_drop;   ///< accuracy of the float model - accuracy of the small one
};

struct Verdict {
  std::string criterion;  ///< "min_ratio", "max_drop"
  double limit = 0;
  double value = 0;
  bool passed = false;
};

/// A model that was measured.
struct Measured {
  std::string name;
  int64_t bytes = 0;
  std::optional<int64_t> arena_bytes;
  Evaluation evaluation;
};

/// One verdict per criterion asked for. `source_bytes` is the size of the file that the user
/// brought. bad_argument where a drop is asked for and the data had no labels.
std::vector<Verdict> judge(const Criteria& criteria, int64_t source_bytes, const Measured& baseline,
                           const Measured& candidate);

}  // namespace smelt
