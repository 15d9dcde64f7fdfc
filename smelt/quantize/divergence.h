#pragma once

#include "smelt/quantize/histogram.h"

namespace smelt {

/// Kullback-Leibler divergence D(P || Q) in nats between values clipped to [low, high] and the same
/// values in `levels` equal steps, as TensorRT's and MXNet's calibration define it: P are the
/// histogram's bins inside, the outliers added to the first and the last; Q gives each bin that
/// holds values, without the outliers, the average of those in its step. A bin of P that Q lacks
/// counts 0.0001 of a value there (MXNet's smoothing). Exact zeros are left out of both: every step
/// width keeps them. Bins are inside where their centres are.
double clip_divergence(const Histogram& histogram, double low, double high, int levels);

}  // namespace smelt
