#include "smelt/quantize/debug/constants.h"

#include <cmath>
#include <limits>

#include "smelt/base/half.h"
#include "smelt/kernels/packed_bits.h"

namespace smelt {
namespace {

/// Scale and zero point of each element of a constant.
class Steps {
 public:
  Steps(const Graph& graph, const Tensor& tensor) : q_(tensor.quantization) {
    if (const auto* blocks = std::get_if<BlockwiseScales>(&q_.details)) {
      inner_ = static_cast<size_t>(std::max(blocks->block_size, 1));
      scales_ = real_constant(graph, graph.tensor(blocks->scales));
      if (blocks->zero_points) zeros_ = real_constant(graph, graph.tensor(blocks->zero_points));
    } else {
      scales_ = q_.scale;
      zeros_.assign(q_.zero_point.begin(), q_.zero_point.end());
      if (q_.per_axis()) {
        const int axis = normalized_axis(q_.axis, tensor.shape.rank());
        inner_ = static_cast<size_t>(tensor.shape.elements(axis + 1, tensor.shape.rank()));
      }
    }
    if (scales_.empty()) scales_ = {1.0f};
    zeros_.resize(scales_.size(), 0.0f);
  }

  float real(size_t i, double stored) const {
    const size_t s = scales_.size() == 1 ? 0 : i / inner_ % scales_.size();
    return static_cast<float>((stored - zeros_[s]) * scales_[s]);
  }

 private:
  const Quantization& q_;
  size_t inner_ = 1;  ///< elements in a row that share a scale
  std::vector<float> scales_, zeros_;
};

template <class T>
std::vector<float> scaled(const Steps& steps, std::span<const T> stored) {
  std::vector<float> values(stored.size());
  for (size_t i = 0; i < stored.size(); ++i) {
    values[i] = steps.real(i, static_cast<double>(stored[i]));
  }
  return values;
}

}  // namespace

std::vector<float> real_constant(const Graph& graph, const Tensor& tensor) {
  if (tensor.sparsity) {
    fail(ErrorKind::unsupported, "{} is stored sparsely, which cannot be compared", tensor.name);
  }
  const Steps steps(graph, tensor);
  switch (tensor.type) {
    case DataType::float32: {
      const std::span<const float> values = tensor.data.as<float>();
      return {values.begin(), values.end()};
    }
    case DataType::float16: {
      std::vector<float> values;
      for (const uint16_t bits : tensor.data.as<uint16_t>()) values.push_back(half_to_float(bits));
      return values;
    }
    case DataType::int4:
    case DataType::int2: {
      const Operand operand{.name = tensor.name,
                            .type = tensor.type,
                            .shape = tensor.shape,
                            .constant = tensor.data.bytes().data()};
      return scaled(steps, std::span<const int8_t>(unpack_small(operand)));
    }
    case DataType::int8:
      return scaled(steps, tensor.data.as<int8_t>());
    case DataType::uint8:
      return scaled(steps, tensor.data.as<uint8_t>());
    case DataType::int16:
      return scaled(steps, tensor.data.as<int16_t>());
    case DataType::int32:
      return scaled(steps, tensor.data.as<int32_t>());
    case DataType::int64:
      return scaled(steps, tensor.data.as<int64_t>());
    default:
      fail(ErrorKind::unsupported, "{} is {}, which cannot be compared", tensor.name,
           name(tensor.type));
  }
}

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double differences = 0, squares = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - b[i];
    differences += d * d;
    squares += static_cast<double>(a[i]) * a[i];
  }
  if (differences == 0) return 0;
  return squares == 0 ? std::numeric_limits<double>::infinity() : std::sqrt(differences / squares);
}

}  // namespace smelt
