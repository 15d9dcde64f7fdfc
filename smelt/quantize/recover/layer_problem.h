#pragma once

#include <span>
#include <vector>

#include "smelt/quantize/recover/activations.h"
#include "smelt/quantize/recover/geometry.h"

namespace smelt {

/// What makes the error of a group's result channels: with x the patches that the quantized layers
/// before give (K values), t the float results before their activation (from float patches), the
/// mean of (q x - t)^2 is q^T H q - 2 q^T g + constant for a channel with weights q.
struct LayerProblem {
  int64_t size = 0;             ///< K; 0: no sample says anything, the operand is all 0
  std::vector<double> h;        ///< [K,K]
  std::vector<double> g;        ///< [outputs of the group, K]
  std::vector<double> weights;  ///< [outputs of the group, K], float
  std::vector<double> mean_x;   ///< [K]
  std::vector<double> mean_t;   ///< [outputs of the group]
};

/// The same problem with `damping` times the mean of H's diagonal added to the error for the
/// squared distance from the float weights, so that weights which samples say little about stay
/// near them.
LayerProblem damped(const LayerProblem& problem, double damping);

/// Where the values of a layer's operand are.
struct LayerInput {
  const Activations* activations = nullptr;
  TensorId id;
  Tensor form;  ///< how they are stored
};

struct LayerData {
  LayerGeometry geometry;
  LayerInput quantized, floats;
  std::span<const float> weights, bias;  ///< bias may be empty
  std::vector<int64_t> samples;          ///< those that are fitted to
};

/// Layers with more values in a patch are not looked at: H would take more than 170 MB.
inline constexpr int64_t kMostPatchValues = 4608;

/// The problems of all groups, from evenly spaced patches. `centred`: means are taken out of x and
/// t, as a bias makes up for them.
std::vector<LayerProblem> layer_problems(const LayerData& data, bool centred, int threads);

}  // namespace smelt
