#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "smelt/ir/graph.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

/// Real values as integers of a tensor's type and scale, as the QUANTIZE op does it: value / scale
/// rounded half away from zero, plus the zero point, clamped to the type. Of float32: a copy.
/// unsupported for types that no activation has.
void quantize_values(const Tensor& as, std::span<const float> values, std::byte* stored);

/// The real values that stored ones stand for.
void dequantize_values(const Tensor& as, const std::byte* stored, std::span<float> values);

/// What a value becomes in a tensor: clamped to the range of its integers, and then rounded.
struct StoredRange {
  float low = 0, high = 0;
  float step = 0;  ///< 0: values are kept as they are
};
StoredRange stored_range(const Tensor& tensor);

/// Memory handed out piece by piece, all of it taken back at once. Pieces are 64-byte aligned and
/// stay where they are until then.
class Scratchpad {
 public:
  std::byte* take(size_t bytes);
  std::span<float> floats(size_t count) {
    return {reinterpret_cast<float*>(take(count * sizeof(float))), count};
  }
  void reset() { chunk_ = used_ = 0; }

 private:
  struct Free {
    void operator()(std::byte* block) const;
  };
  struct Chunk {
    std::unique_ptr<std::byte, Free> block;
    size_t bytes = 0;
  };
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0;
  size_t used_ = 0;
};

/// Runs a kernel apart from any interpreter: `inputs` and `outputs` as in InvokeArgs, in the order
/// of `op`. Variables among the operands start from what a reset interpreter has.
void run_kernel(const Graph& graph, const Op& op, const Kernel& kernel,
                std::vector<const void*> inputs, std::vector<void*> outputs, Scratchpad& memory);

}  // namespace smelt
