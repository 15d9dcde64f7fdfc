#include <algorithm>
#include <bit>
#include <cmath>

#include "smelt/base/error.h"
#include "smelt/compress/pruning.h"

namespace smelt::compress {
namespace {

/// Orders by magnitude, then later positions first. Floats that are not negative order as their
/// bits do, NaN behind infinity.
struct Key {
  uint32_t magnitude;
  int64_t position;

  bool operator<(const Key& other) const {
    return magnitude != other.magnitude ? magnitude < other.magnitude : position > other.position;
  }
};

uint32_t magnitude_bits(float value) { return std::bit_cast<uint32_t>(std::fabs(value)); }

/// Average or largest magnitude of each block, row by row.
std::vector<float> pooled_blocks(std::span<const float> values, const KernelMatrix& kernel,
                                 const PrunePattern& pattern, int64_t block_rows,
                                 int64_t block_cols) {
  std::vector<float> pooled;
  pooled.reserve(static_cast<size_t>(block_rows * block_cols));
  for (int64_t br = 0; br < block_rows; ++br) {
    const int64_t row_end = std::min<int64_t>(kernel.rows, (br + 1) * pattern.block_rows);
    for (int64_t bc = 0; bc < block_cols; ++bc) {
      const int64_t col_end = std::min<int64_t>(kernel.cols, (bc + 1) * pattern.block_cols);
      double sum = 0;
      float largest = 0;
      int64_t count = 0;
      for (int64_t r = br * pattern.block_rows; r < row_end; ++r) {
        for (int64_t c = bc * pattern.block_cols; c < col_end; ++c, ++count) {
          const float size = std::fabs(values[static_cast<size_t>(kernel.index(r, c))]);
          sum += size;
          largest = std::max(largest, size);
        }
      }
      const bool average = pattern.pooling == PrunePattern::Pooling::average;
      pooled.push_back(average ? static_cast<float>(sum / static_cast<double>(count)) : largest);
    }
  }
  return pooled;
}

std::vector<uint8_t> block_mask(std::span<const float> values, const KernelMatrix& kernel,
                                const PrunePattern& pattern, double sparsity) {
  const int64_t block_rows = (kernel.rows + pattern.block_rows - 1) / pattern.block_rows;
  const int64_t block_cols = (kernel.cols + pattern.block_cols - 1) / pattern.block_cols;
  const std::vector<uint8_t> blocks =
      magnitude_mask(pooled_blocks(values, kernel, pattern, block_rows, block_cols), sparsity);
  std::vector<uint8_t> mask(values.size());
  for (int64_t r = 0; r < kernel.rows; ++r) {
    for (int64_t c = 0; c < kernel.cols; ++c) {
      const int64_t block = r / pattern.block_rows * block_cols + c / pattern.block_cols;
      mask[static_cast<size_t>(kernel.index(r, c))] = blocks[static_cast<size_t>(block)];
    }
  }
  return mask;
}

std::vector<uint8_t> group_mask(std::span<const float> values, const KernelMatrix& kernel,
                                const PrunePattern& pattern) {
  std::vector<uint8_t> mask(values.size(), 1);
  std::vector<Key> keys;
  const auto prune_group = [&](int64_t row, int64_t begin, int64_t end) {
    keys.clear();
    for (int64_t c = begin; c < end; ++c) {
      const int64_t position = kernel.index(row, c);
      keys.push_back({magnitude_bits(values[static_cast<size_t>(position)]), position});
    }
    const int64_t zeros = pattern.zeros_in_group - (pattern.group - (end - begin));
    std::sort(keys.begin(), keys.end());
    for (int64_t i = 0; i < zeros; ++i) {
      mask[static_cast<size_t>(keys[static_cast<size_t>(i)].position)] = 0;
    }
  };
  for (int64_t r = 0; r < kernel.rows; ++r) {
    for (int64_t run = 0; run < kernel.cols; run += kernel.run) {
      for (int64_t c = 0; c < kernel.run; c += pattern.group) {
        prune_group(r, run + c, run + std::min<int64_t>(kernel.run, c + pattern.group));
      }
    }
  }
  return mask;
}

}  // namespace

std::vector<uint8_t> magnitude_mask(std::span<const float> values, double sparsity) {
  return std::move(global_masks(std::span(&values, 1), sparsity).front());
}

std::vector<uint8_t> pattern_mask(std::span<const float> values, const KernelMatrix& kernel,
                                  const PrunePattern& pattern, double sparsity) {
  SMELT_CHECK(kernel.size() == static_cast<int64_t>(values.size()));
  if (pattern.structured()) return group_mask(values, kernel, pattern);
  if (pattern.block_rows == 1 && pattern.block_cols == 1) return magnitude_mask(values, sparsity);
  return block_mask(values, kernel, pattern, sparsity);
}

std::vector<std::vector<uint8_t>> global_masks(std::span<const std::span<const float>> tensors,
                                               double sparsity) {
  std::vector<uint32_t> magnitudes;
  std::vector<std::vector<uint8_t>> masks;
  for (const auto& values : tensors) {
    for (const float value : values) magnitudes.push_back(magnitude_bits(value));
    masks.emplace_back(values.size(), 1);
  }
  int64_t left = pruned_count(static_cast<int64_t>(magnitudes.size()), sparsity);
  if (left == 0) return masks;
  const auto last = magnitudes.begin() + (left - 1);
  std::nth_element(magnitudes.begin(), last, magnitudes.end());
  const uint32_t threshold = *last;
  // Everything below the threshold goes, and of those at it as many as are still wanted, the last
  // ones first.
  left -= std::count_if(magnitudes.begin(), last, [&](uint32_t size) { return size < threshold; });
  for (size_t t = tensors.size(); t-- > 0;) {
    for (size_t i = tensors[t].size(); i-- > 0;) {
      const uint32_t size = magnitude_bits(tensors[t][i]);
      const bool tied = size == threshold && left > 0;
      left -= tied;
      if (size < threshold || tied) masks[t][i] = 0;
    }
  }
  return masks;
}

std::vector<uint8_t> mask_of_nonzero(std::span<const float> values) {
  std::vector<uint8_t> mask(values.size());
  std::transform(values.begin(), values.end(), mask.begin(),
                 [](float value) { return static_cast<uint8_t>(value != 0); });
  return mask;
}

void apply_mask(std::span<const uint8_t> mask, std::span<float> values) {
  SMELT_CHECK(mask.size() == values.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = mask[i] != 0 ? values[i] : 0.0f;
}

}  // namespace smelt::compress
