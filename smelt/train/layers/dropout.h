#pragma once

#include <string_view>

#include "smelt/base/random.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// Numbers for one sample in one step, the same wherever the sample is computed and different for
/// every layer, sample and step.
Random sample_random(const Step& step, uint64_t layer, int64_t sample);

/// A number that stands for a layer in sample_random: a hash (FNV-1a) of its name.
uint64_t layer_number(std::string_view name);

/// Factors of inverted dropout: 0 with probability `rate`, else 1 / (1 - rate).
void draw_dropout(Random& random, float rate, float* factors, int64_t count);

}  // namespace smelt::train
