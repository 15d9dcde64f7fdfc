#pragma once

#include <span>
#include <vector>

#include "smelt/quantize/recover/layer_problem.h"

namespace smelt {

/// What the search for integers may do.
struct RoundingOptions {
  bool feedback = false;    ///< GPTQ: least-squares target, rounding with error feedback
  bool descent = false;     ///< moves by whole steps while they help
  bool free_scale = false;  ///< the scale of each channel may change
  double damping = 0.01;    ///< see damped; that of GPTQ
  int limit = 127;          ///< integers are in [-limit, limit]
  int threads = 1;
};

/// Integers of one result channel.
struct RoundedChannel {
  std::vector<int8_t> values;  ///< [K]
  double scale = 1;            ///< factor on the steps that were asked
};

/// Integers for the channels of a group. `steps` [outputs, K]: real value of one integer.
///
/// feedback: the target is w* = H^-1 g, which makes up for the error of x. Integers are chosen one
/// by one, those of the largest H_ii first, each next to what is best given those before: with
/// H = L L^T this is the nearest-plane algorithm on |L^T (q - w*)|^2, the same as GPTQ (Frantar et
/// al. 2022, algorithm 1).
/// descent: coordinate descent on the same quadratic from the better of nearest and feedback
/// rounding; every move lowers the error. This is what AdaRound (Nagel et al. 2020, eq. 21)
/// relaxes, without the relaxation and not limited to the two neighbours. free_scale: the best of a
/// grid of scales, then for the integers found q^T g / q^T H q.
std::vector<RoundedChannel> round_channels(const LayerProblem& problem,
                                           const std::vector<double>& steps,
                                           const RoundingOptions& options);

}  // namespace smelt
