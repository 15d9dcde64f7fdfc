#pragma once

#include <string>
#include <vector>

#include "smelt/compress/pruning.h"
#include "smelt/train/constraint.h"
#include "smelt/train/layer.h"

namespace smelt::train {

struct PruneSettings {
  compress::SparsitySchedule schedule;
  compress::PrunePattern pattern;
  bool global = false;  ///< one threshold over all layers; not with a pattern or overrides > 0
  std::vector<compress::PruneOverride> overrides;
  /// Masks are the zeros that the model comes with and never change: fine-tuning and quantization
  /// aware training of a pruned model (prune-preserving). Schedule and pattern are not used.
  bool keep = false;
  bool depthwise = false;  ///< kernels of depthwise convolutions too (tfmot leaves them)
};

/// Holds weights at zero while a model is trained, more and more of them as the schedule says
/// (Zhu & Gupta 2017; tfmot's prune_low_magnitude): in front of a forward pass, when it is time,
/// the smallest weights of each kernel (in magnitude) are chosen and become 0; behind every update
/// they are exactly 0 again, and so is their gradient in front of it. What is pruned may come back
/// only where no mask keeps it down, which by magnitude never happens: `strip` is to train on
/// without this.
class Pruning : public Constraint {
 public:
  /// Of `parameters`, the trainable kernels and embeddings of `graph` (the one that the module was
  /// made of). bad_argument where settings are out of range, an override fits nothing, or nothing
  /// is to be pruned.
  Pruning(const Graph& graph, const std::vector<Parameter*>& parameters, PruneSettings settings);

  void before_forward(int64_t step) override;
  void after_backward(int64_t step) override;
  void after_update(int64_t step) override;

  /// "sparsity/conv1/kernel": zeros of each kernel as it is; "sparsity/all": of all pruned ones.
  void report(const std::function<void(const std::string&, double)>& visit) const override;
  /// The masks.
  void visit_state(const StateVisitor& visit) override;

  /// Zeros in the pruned kernels over their values, as they are.
  double sparsity() const;

 private:
  struct Target {
    Parameter* parameter = nullptr;
    compress::KernelMatrix matrix;
    double final_sparsity = 0;
    std::vector<uint8_t> mask;  ///< 1: kept
  };
  void choose_masks(int64_t step);
  void apply_masks();

  PruneSettings settings_;
  std::vector<Target> targets_;
};

}  // namespace smelt::train
