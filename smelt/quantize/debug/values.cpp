#include "smelt/quantize/debug/values.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "smelt/base/error.h"
#include "smelt/quantize/debug/elementwise.h"
#include "smelt/run/real_values.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

constexpr size_t kAlignment = 64;

template <class T>
void quantize_to(const Tensor& as, std::span<const float> values, T* stored) {
  const float scale = as.quantization.scale.at(0);
  const auto zero = static_cast<float>(as.quantization.zero_point.at(0));
  constexpr auto kLow = static_cast<float>(std::numeric_limits<T>::min());
  constexpr auto kHigh = static_cast<float>(std::numeric_limits<T>::max());
  for (size_t i = 0; i < values.size(); ++i) {
    const float steps = values[i] / scale;
    // Half away from zero: cutting off what was moved by half; exact below 2^22, and clamped above.
    const float moved = std::clamp(steps, -0x1p20f, 0x1p20f) + std::copysign(0.5f, steps);
    const float rounded = static_cast<float>(static_cast<int32_t>(moved)) + zero;
    stored[i] = static_cast<T>(std::clamp(rounded, kLow, kHigh));
  }
}

template <class T>
StoredRange range_of(const Quantization& q) {
  const float scale = q.scale.at(0);
  const auto zero = static_cast<float>(q.zero_point.at(0));
  return {scale * (static_cast<float>(std::numeric_limits<T>::min()) - zero),
          scale * (static_cast<float>(std::numeric_limits<T>::max()) - zero), scale};
}

}  // namespace

void quantize_values(const Tensor& as, std::span<const float> values, std::byte* stored) {
  switch (as.quantization.per_tensor() ? as.type : DataType::float32) {
    case DataType::int8:
      return quantize_int8(values.data(), values.size(), as.quantization.scale[0],
                           static_cast<int32_t>(as.quantization.zero_point[0]),
                           reinterpret_cast<int8_t*>(stored));
    case DataType::uint8:
      return quantize_to(as, values, reinterpret_cast<uint8_t*>(stored));
    case DataType::int16:
      return quantize_to(as, values, reinterpret_cast<int16_t*>(stored));
    default:
      break;
  }
  if (as.type != DataType::float32) {
    fail(ErrorKind::unsupported, "{} is {}, which holds no quantized activations", as.name,
         name(as.type));
  }
  std::memcpy(stored, values.data(), values.size_bytes());
}

void dequantize_values(const Tensor& as, const std::byte* stored, std::span<float> values) {
  if (as.type == DataType::int8 && as.quantization.per_tensor()) {
    return dequantize_int8(reinterpret_cast<const int8_t*>(stored), values.size(),
                           as.quantization.scale[0],
                           static_cast<int32_t>(as.quantization.zero_point[0]), values.data());
  }
  const auto bytes =
      static_cast<size_t>(storage_bytes(as.type, static_cast<int64_t>(values.size())));
  load_real(as, {reinterpret_cast<const uint8_t*>(stored), bytes}, values);
}

StoredRange stored_range(const Tensor& tensor) {
  if (!tensor.quantization.per_tensor()) return {};
  switch (tensor.type) {
    case DataType::int8:
      return range_of<int8_t>(tensor.quantization);
    case DataType::uint8:
      return range_of<uint8_t>(tensor.quantization);
    case DataType::int16:
      return range_of<int16_t>(tensor.quantization);
    default:
      return {};
  }
}

void Scratchpad::Free::operator()(std::byte* block) const { std::free(block); }

std::byte* Scratchpad::take(size_t bytes) {
  constexpr size_t kChunk = size_t{1} << 20;
  const size_t wanted = std::max<size_t>((bytes + kAlignment - 1) / kAlignment, 1) * kAlignment;
  while (chunk_ < chunks_.size() && chunks_[chunk_].bytes - used_ < wanted) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    const size_t size = std::max(wanted, kChunk);
    auto* block = static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
    if (block == nullptr) fail(ErrorKind::io, "there is no memory for {} bytes of values", size);
    chunks_.push_back({std::unique_ptr<std::byte, Free>(block), size});
  }
  std::byte* piece = chunks_[chunk_].block.get() + used_;
  used_ += wanted;
  return piece;
}

void run_kernel(const Graph& graph, const Op& op, const Kernel& kernel,
                std::vector<const void*> inputs, std::vector<void*> outputs, Scratchpad& memory) {
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (!op.inputs[i] || !graph.tensor(op.inputs[i]).is_variable) continue;
    const Tensor& variable = graph.tensor(op.inputs[i]);
    const auto bytes = static_cast<size_t>(value_bytes(variable));
    std::byte* fresh = memory.take(bytes);
    std::memset(fresh, fresh_byte(variable), bytes);
    inputs[i] = fresh;
  }
  std::byte* scratch = memory.take(static_cast<size_t>(kernel.scratch_bytes));
  std::byte* state = memory.take(static_cast<size_t>(kernel.state_bytes));
  std::memset(state, 0, static_cast<size_t>(kernel.state_bytes));
  if (kernel.reset) kernel.reset(state);
  kernel.invoke({inputs.data(), outputs.data(), scratch, state});
}

}  // namespace smelt
