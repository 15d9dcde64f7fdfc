#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "smelt/base/bytes.h"
#include "smelt/ir/model.h"

namespace smelt::compress {

// What compression made of weights, as they stand in a file: zeros, different values, and what gzip
// makes of them.
//
// Rounding to int8 keeps what was reached in floats. Symmetric scales (zero point 0) map 0 to 0,
// per tensor and per channel, so zeros stay zeros (small weights may become zeros besides). With
// one scale for the tensor, at most N different weights become at most N integers; with a scale for
// each channel that holds within each channel, and the whole tensor may have more, up to N for each
// channel: count `unique_in_channel` there, or cluster per channel.

/// A constant that holds weights.
struct KernelStatistics {
  std::string name;
  std::string layer;  ///< origin of the op that reads it
  int64_t values = 0;
  int64_t zeros = 0;              ///< equal to the zero point where quantized
  int64_t unique = 0;             ///< different values; -0 is 0
  int64_t unique_in_channel = 0;  ///< the most of any output channel
  int64_t bytes = 0;              ///< as stored
  int64_t gzip_bytes = 0;         ///< see gzip_size

  double sparsity() const {
    return values > 0 ? static_cast<double>(zeros) / static_cast<double>(values) : 0;
  }
};

/// Statistics of a dense constant of floats or integers of up to 16 bits; `matrix_op` is the op
/// that reads it as a kernel. unsupported for other types.
KernelStatistics kernel_statistics(const Tensor& tensor, const Op& matrix_op);

/// Of all kernels of the main graph, each once, in execution order: constant operands of
/// convolutions, dense, recurrent and matrix product ops of rank 2 and more that hold dense
/// weights. Biases and tables are none.
std::vector<KernelStatistics> kernel_statistics(const Graph& graph);

/// All of them as one: sums, and the largest of the unique counts.
KernelStatistics total(const std::vector<KernelStatistics>& kernels);

/// Bytes of `data` as a gzip file of the strongest level (9), header and trailer included.
int64_t gzip_size(ByteView data);

}  // namespace smelt::compress
