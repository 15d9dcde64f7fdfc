#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/data/dataset.h"
#include "smelt/data/rows.h"

namespace smelt {

/// What a sample is to be compared with: labels or targets, or neither.
struct Answers {
  std::vector<int32_t> labels;
  std::optional<Rows> targets;  ///< [N, ...]
  int32_t class_count = 0;
};

/// Decides what y [N, ...] means: integers [N] or [N,1] are labels; rows [N,C], C > 1, that hold
/// one 1 and zeros each are one-hot labels; everything else is a float target. bad_file where a
/// label is negative or too large.
Answers interpret_answers(const Rows& y);

struct ArrayDatasetParts {
  std::string name;          ///< begins the description
  std::vector<Rows> inputs;  ///< each [N, ...]; uint8 counts as pixels
  Answers answers;
  std::vector<std::string> class_names;
};

/// bad_file where the parts differ in N or N is 0, or where a label has no class name.
DatasetPtr make_array_dataset(ArrayDatasetParts parts);

/// "10000 samples of uint8 [32, 32, 3], 10 classes".
std::string describe_samples(const Dataset& dataset, DataType type);

}  // namespace smelt
