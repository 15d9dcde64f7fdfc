#pragma once

#include <vector>

#include "smelt/data/dataset.h"
#include "smelt/quantize/plan.h"
#include "smelt/shrink/ladder.h"

namespace smelt {

/// What it costs to give one op int4 weights where all others have int8.
struct Int4Cost {
  OpId op;
  double error = 0;         ///< added noise of the model's outputs, in parts of their signal
  int64_t bytes_saved = 0;  ///< half a byte for each weight
};

/// One entry for every op that the plan of `int4` gives int4 weights, measured on `samples` samples
/// of the data.
std::vector<Int4Cost> measure_int4(const Model& float_model, const Stats& stats, const Recipe& int4,
                                   const DatasetPtr& data, int64_t samples, int threads);

/// Mixes of int4 and int8 weights between the recipe `int4` and int8: in each, the ops with the
/// most error for their bytes get int8, until a quarter, half and three quarters of what int4 saves
/// are given back. The same mix does not come twice.
std::vector<Rung> int4_mixes(const Graph& graph, const Recipe& int4, std::vector<Int4Cost> costs);

}  // namespace smelt
