#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "smelt/compress/kernel_matrix.h"

namespace smelt::compress {

// Which weights become zero, on plain numbers; see smelt/train/prune.h for when.

/// Sparsity over time, as tfmot's PruningSchedule; steps count from 0.
struct SparsitySchedule {
  /// polynomial: final + (initial - final) (1 - (t - begin) / (end - begin))^power, t kept in
  /// [begin, end] (PolynomialDecay); else `final_sparsity` from begin on (ConstantSparsity).
  bool polynomial = false;
  double initial_sparsity = 0;  ///< in [0, 1)
  double final_sparsity = 0.5;  ///< in [0, 1)
  int64_t begin_step = 0;
  int64_t end_step = -1;  ///< the last step that chooses masks; -1: no end (not with polynomial)
  double power = 3;
  int64_t frequency = 100;  ///< masks are chosen anew every so many steps

  /// bad_argument where a setting is out of range.
  void check() const;
  /// begin <= step <= end and (step - begin) a multiple of frequency. The sparsity of the last such
  /// step is the one that stays: with polynomial decay, let end - begin be a multiple of frequency.
  bool chooses_at(int64_t step) const;
  double sparsity(int64_t step) const;
};

/// How zeros lie together in the kernel's [out, in] matrix.
struct PrunePattern {
  enum class Pooling { average, max };

  int block_rows = 1;                  ///< blocks of rows x columns are kept or pruned whole;
  int block_cols = 1;                  ///< those at the edges are smaller
  Pooling pooling = Pooling::average;  ///< of the magnitudes in a block (of what exists there)
  /// group > 0: of every `group` values along the input axis, `zeros_in_group` are zero (2 and 4:
  /// "2:4"), whatever sparsity the schedule asks for. What lacks at the end of a row counts as
  /// zero.
  int zeros_in_group = 0;
  int group = 0;

  bool structured() const { return group > 0; }
  void check() const;
};

/// A layer's own sparsity: the first override whose pattern fits holds.
struct PruneOverride {
  std::string pattern;  ///< glob over "layer/kernel" names or layers: "conv2d*", "dense/kernel"
  double sparsity = 0;  ///< final; 0: the layer is left alone
};

/// Zeros among `size` values at `sparsity`: size - max(1, round(size (1 - sparsity))), ties to even
/// and in float as tfmot's pruning_impl computes it.
int64_t pruned_count(int64_t size, double sparsity);

/// A mask (1: kept) with exactly pruned_count zeros where values are smallest; of equal magnitudes
/// those that stand first are kept (as tf.math.top_k does). NaN counts as the largest.
std::vector<uint8_t> magnitude_mask(std::span<const float> values, double sparsity);

/// The same with whole blocks: exactly pruned_count(blocks, sparsity) of them; or the groups of a
/// structured pattern. `kernel` says how the matrix lies in values and mask.
std::vector<uint8_t> pattern_mask(std::span<const float> values, const KernelMatrix& kernel,
                                  const PrunePattern& pattern, double sparsity);

/// One threshold over several tensors: pruned_count(total size, sparsity) zeros in all of them; of
/// equal magnitudes those of the first tensors are kept.
std::vector<std::vector<uint8_t>> global_masks(std::span<const std::span<const float>> tensors,
                                               double sparsity);

/// 1 where a value is not zero.
std::vector<uint8_t> mask_of_nonzero(std::span<const float> values);

void apply_mask(std::span<const uint8_t> mask, std::span<float> values);

/// Whether `text` fits a glob: '*' any characters, '?' any one.
bool fits_glob(std::string_view pattern, std::string_view text);

}  // namespace smelt::compress
