#pragma once

#include "smelt/data/dataset.h"

namespace smelt {

/// The numbers, ascending, of `count` samples chosen by `seed`. Where there are labels, every class
/// gets its share of `count`, rounded by largest remainder (equal remainders: the lower class
/// first), and only the choice within a class is random. All samples where count reaches the data
/// set's size. bad_argument where count is not positive.
std::vector<int64_t> choose_samples(const Dataset& dataset, int64_t count, uint64_t seed);

/// The data set of those samples.
DatasetPtr select(DatasetPtr dataset, int64_t count, uint64_t seed);

/// The first `count` samples, or all; bad_argument where count is not positive.
DatasetPtr take_first(DatasetPtr dataset, int64_t count);

struct DatasetSplit {
  DatasetPtr kept;
  DatasetPtr held_out;
};

/// The samples that choose_samples chooses for `share` of the data set, and all others. A class
/// gives its share to both. bad_argument where one of them would be empty.
DatasetSplit split(const DatasetPtr& dataset, double share, uint64_t seed);

}  // namespace smelt
