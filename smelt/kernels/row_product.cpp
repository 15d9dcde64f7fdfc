#include "smelt/kernels/row_product.h"

#include <algorithm>
#include <cmath>

#include "smelt/kernels/operands.h"
#include "smelt/kernels/recurrent.h"

namespace smelt {
namespace {

constexpr FixedMultiplier kIdentity{1 << 30, 1};  ///< for sums below 2^30
constexpr int64_t kMaxExactDepth = 32768;         ///< sums of so many products stay below 2^30

float round_and_clamp(float value, float low, float high) {
  const float rounded = std::round(value);
  if (!(rounded > low)) return low;
  return rounded < high ? rounded : high;
}

/// int8 values of a row, zero point subtracted; returns their scale.
float quantize_symmetric(const float* x, int64_t k, int16_t* to) {
  const auto [low, high] = std::minmax_element(x, x + k);
  const float range = std::max(std::abs(*low), std::abs(*high));
  if (range == 0) {
    std::fill_n(to, k, int16_t{0});
    return 1;
  }
  const float inverse = 127.0f / range;
  for (int64_t i = 0; i < k; ++i) {
    to[i] = static_cast<int16_t>(round_and_clamp(x[i] * inverse, -127, 127));
  }
  return range / 127.0f;
}

/// The zero point with the smaller rounding error at either end of the range.
int32_t nudged_zero_point(double low, double high, double scale) {
  constexpr double kLow = -128, kHigh = 127;
  const double low_error = std::abs(kLow) + std::abs(low / scale);
  const double high_error = std::abs(kHigh) + std::abs(high / scale);
  const double zero = low_error < high_error ? kLow - low / scale : kHigh - high / scale;
  if (!(zero > kLow)) return -128;
  return zero >= kHigh ? 127 : static_cast<int32_t>(std::round(zero));
}

float quantize_asymmetric(const float* x, int64_t k, int16_t* to) {
  const auto [least, most] = std::minmax_element(x, x + k);
  const double low = std::min(0.0f, *least);
  const double high = std::max(0.0f, *most);
  if (low == high) {
    std::fill_n(to, k, int16_t{0});
    return 1;
  }
  const double wide_scale = (high - low) / 255.0;
  const int32_t zero = nudged_zero_point(low, high, wide_scale);
  const auto scale = static_cast<float>(wide_scale);
  const float inverse = 1.0f / scale;
  for (int64_t i = 0; i < k; ++i) {
    const float value = static_cast<float>(zero) + x[i] * inverse;
    to[i] = static_cast<int16_t>(round_and_clamp(value, -128, 127) - static_cast<float>(zero));
  }
  return scale;
}

/// Sum of products in 64 bits; 128 of them at a time fit 32.
int64_t long_dot(const int16_t* x, const int8_t* w, int32_t w_zero, int64_t k) {
  int64_t sum = 0;
  for (int64_t first = 0; first < k; first += 128) {
    const int64_t last = std::min(first + 128, k);
    int32_t part = 0;
    for (int64_t i = first; i < last; ++i) part += x[i] * (w[i] - w_zero);
    sum += part;
  }
  return sum;
}

/// The same in 32 bits, wrapping.
int32_t dot(const int16_t* x, const int8_t* w, int32_t w_zero, int64_t k) {
  uint32_t sum = 0;
  for (int64_t i = 0; i < k; ++i) sum += static_cast<uint32_t>(x[i] * (w[i] - w_zero));
  return static_cast<int32_t>(sum);
}

/// Pointers to the parts' values, in a form that packing can index by column.
template <class T>
std::vector<const T*> constant_parts(const PrepareArgs& args, const std::vector<size_t>& operands) {
  std::vector<const T*> parts;
  for (const size_t i : operands) parts.push_back(args.input(i).constant_as<T>());
  return parts;
}

bool all_constant(const PrepareArgs& args, const std::vector<size_t>& operands) {
  return std::all_of(operands.begin(), operands.end(),
                     [&](size_t i) { return args.input(i).constant != nullptr; });
}

template <class T>
std::vector<T> stacked_biases(const PrepareArgs& args, const StackedWeights& stack) {
  std::vector<T> values;
  for (const T* bias : constant_parts<T>(args, stack.biases)) {
    values.insert(values.end(), bias, bias + stack.units);
  }
  return values;
}

template <class T>
void copy_rows_of(const T* x, int32_t zero, int64_t m, int64_t k, int64_t stride, int16_t* to) {
  for (int64_t row = 0; row < m; ++row, x += k, to += stride) {
    for (int64_t i = 0; i < k; ++i) to[i] = static_cast<int16_t>(x[i] - zero);
    std::fill(to + k, to + stride, int16_t{0});
  }
}

}  // namespace

void copy_rows(const int8_t* x, int32_t zero, int64_t m, int64_t k, int64_t stride, int16_t* to) {
  copy_rows_of(x, zero, m, k, stride, to);
}
void copy_rows(const int16_t* x, int32_t zero, int64_t m, int64_t k, int64_t stride, int16_t* to) {
  copy_rows_of(x, zero, m, k, stride, to);
}

RowProduct::RowProduct(const PrepareArgs& args, StackedWeights weights, bool asymmetric)
    : stack_(std::move(weights)), asymmetric_(asymmetric) {
  const Operand& first = args.input(stack_.weights.at(0));
  require_type(first, {DataType::float32, DataType::int8, DataType::uint8});
  diagonal_ = first.shape.rank() == 1;
  if (diagonal_) require_type(first, {DataType::float32});
  const auto units = static_cast<int32_t>(stack_.units);
  const Shape shape = diagonal_ ? Shape{units} : Shape{units, static_cast<int32_t>(stack_.k)};
  for (const size_t i : stack_.weights) {
    require_same_type(first, args.input(i));
    require_shape(args.input(i), shape);
    if (first.type == DataType::float32) continue;
    require_per_tensor(args.input(i));
    scales_.push_back(scale_of(args.input(i)));
  }
  for (const size_t i : stack_.biases) {
    require_type(args.input(i), {DataType::float32});
    require_shape(args.input(i), {units});
  }
  const bool fixed = all_constant(args, stack_.weights) && all_constant(args, stack_.biases);
  if (args.choice == KernelChoice::plain || diagonal_ || !fixed) return;
  const int64_t n = columns(), rows = stack_.units, k = stack_.k;
  if (scales_.empty()) {
    const auto parts = constant_parts<float>(args, stack_.weights);
    const std::vector<float> biases = stacked_biases<float>(args, stack_);
    floats_ = std::make_shared<const FloatGemm>(pack_float_gemm(
        n, k, biases.empty() ? nullptr : biases.data(), {}, [&](int64_t column, int64_t i) {
          return parts[static_cast<size_t>(column / rows)][column % rows * k + i];
        }));
  } else if (k <= kMaxExactDepth) {
    const auto parts = constant_parts<int8_t>(args, stack_.weights);
    const IntGemmOptions options{
        .multipliers = {kIdentity}, .range = range_of(DataType::int32), .output = DataType::int32};
    ints_ = std::make_shared<const IntGemm>(
        pack_int_gemm(n, k, 1, options, [&](int64_t column, int64_t i) {
          return parts[static_cast<size_t>(column / rows)][column % rows * k + i];
        }));
  }
}

int64_t RowProduct::scratch_bytes(int64_t m) const {
  if (scales_.empty()) return 0;
  return scratch_block(m, sizeof(float)) +
         scratch_block(checked_mul(m, round_up(stack_.k, 2), "rows") + 1, sizeof(int16_t)) +
         scratch_block(checked_mul(m, columns(), "products"), sizeof(int32_t));
}

void RowProduct::run(const InvokeArgs& args, const float* x, int64_t m, float* y,
                     std::byte* scratch) const {
  if (diagonal_) return run_diagonal(args, x, m, y);
  if (!scales_.empty()) return run_hybrid(args, x, m, y, scratch);
  if (!floats_) return run_plain(args, x, m, y);
  floats_->run(*floats_, {.segments = &x, .stride = stack_.k}, m, y, columns());
}

void RowProduct::run_plain(const InvokeArgs& args, const float* x, int64_t m, float* y) const {
  for (int64_t row = 0; row < m; ++row, x += stack_.k) {
    for (size_t part = 0; part < stack_.weights.size(); ++part) {
      const auto* w = args.in<float>(stack_.weights[part]);
      const auto* bias = stack_.biases.empty() ? nullptr : args.in<float>(stack_.biases[part]);
      for (int64_t unit = 0; unit < stack_.units; ++unit, w += stack_.k) {
        float sum = 0;
        for (int64_t i = 0; i < stack_.k; ++i) sum += x[i] * w[i];
        *y++ = bias != nullptr ? bias[unit] + sum : sum;
      }
    }
  }
}

void RowProduct::run_diagonal(const InvokeArgs& args, const float* x, int64_t m, float* y) const {
  for (int64_t row = 0; row < m; ++row, x += stack_.k) {
    for (size_t part = 0; part < stack_.weights.size(); ++part) {
      const auto* w = args.in<float>(stack_.weights[part]);
      const auto* bias = stack_.biases.empty() ? nullptr : args.in<float>(stack_.biases[part]);
      for (int64_t unit = 0; unit < stack_.units; ++unit) {
        *y++ = w[unit] * x[unit] + (bias != nullptr ? bias[unit] : 0.0f);
      }
    }
  }
}

void RowProduct::run_hybrid(const InvokeArgs& args, const float* x, int64_t m, float* y,
                            std::byte* scratch) const {
  const int64_t k = stack_.k, stride = round_up(k, 2), n = columns();
  auto* scales = reinterpret_cast<float*>(scratch);
  auto* rows = reinterpret_cast<int16_t*>(scratch + scratch_block(m, sizeof(float)));
  auto* sums = reinterpret_cast<int32_t*>(reinterpret_cast<std::byte*>(rows) +
                                          scratch_block(m * stride + 1, sizeof(int16_t)));
  for (int64_t row = 0; row < m; ++row) {
    int16_t* to = rows + row * stride;
    if (k % 2 != 0) to[k] = 0;
    scales[row] = k == 0        ? 1.0f
                  : asymmetric_ ? quantize_asymmetric(x + row * k, k, to)
                                : quantize_symmetric(x + row * k, k, to);
  }
  const int16_t* const segment = rows;
  if (ints_) {
    rows[m * stride] = 0;
    ints_->run(*ints_, {.segments = &segment, .stride = stride}, m, sums,
               n * static_cast<int64_t>(sizeof(int32_t)));
  }
  for (int64_t row = 0; row < m; ++row) {
    for (size_t part = 0; part < stack_.weights.size(); ++part) {
      const auto* w = args.in<int8_t>(stack_.weights[part]);
      const auto* bias = stack_.biases.empty() ? nullptr : args.in<float>(stack_.biases[part]);
      const float scale = scales[row] * scales_[part];
      for (int64_t unit = 0; unit < stack_.units; ++unit, ++sums) {
        const int32_t sum = ints_ ? *sums : dot(rows + row * stride, w + unit * k, 0, k);
        const float product = static_cast<float>(sum) * scale;
        *y++ = bias != nullptr ? bias[unit] + product : product;
      }
    }
  }
}

IntRowProduct::IntRowProduct(const PrepareArgs& args, StackedWeights weights, IntRowOptions options)
    : stack_(std::move(weights)), options_(std::move(options)) {
  const auto units = static_cast<int32_t>(stack_.units);
  for (const size_t i : stack_.weights) {
    require_type(args.input(i), {DataType::int8});
    require_shape(args.input(i), {units, static_cast<int32_t>(stack_.k)});
  }
  for (const size_t i : stack_.biases) {
    require_type(args.input(i), {options_.sums64 ? DataType::int64 : DataType::int32});
    require_shape(args.input(i), {units});
  }
  if (!all_constant(args, stack_.weights) || !all_constant(args, stack_.biases)) {
    fail(ErrorKind::unsupported, "weights of an integer recurrent op must be constants");
  }
  options_.zeros.resize(stack_.weights.size());
  if (args.choice == KernelChoice::plain || options_.sums64) return;
  const int64_t n = columns(), rows = stack_.units, k = stack_.k;
  const std::vector<int32_t> biases = stacked_biases<int32_t>(args, stack_);
  const auto parts = constant_parts<int8_t>(args, stack_.weights);
  const std::vector<int32_t>& zeros = options_.zeros;
  IntGemmOptions gemm{
      .bias = biases.empty() ? nullptr : biases.data(),
      .range = options_.range,
      .output = DataType::int32,
      .wide = std::any_of(zeros.begin(), zeros.end(), [](int z) { return z != 0; })};
  for (const FixedMultiplier m : options_.multipliers) {
    gemm.multipliers.insert(gemm.multipliers.end(), static_cast<size_t>(rows), m);
  }
  gemm_ =
      std::make_shared<const IntGemm>(pack_int_gemm(n, k, 1, gemm, [&](int64_t column, int64_t i) {
        const auto part = static_cast<size_t>(column / rows);
        return parts[part][column % rows * k + i] - zeros[part];
      }));
}

void IntRowProduct::run(const InvokeArgs& args, const int16_t* x, int64_t m, int32_t* y) const {
  const int64_t k = stack_.k;
  if (gemm_) {
    gemm_->run(*gemm_, {.segments = &x, .stride = stride()}, m, y,
               columns() * static_cast<int64_t>(sizeof(int32_t)));
    return;
  }
  for (int64_t row = 0; row < m; ++row, x += stride()) {
    for (size_t part = 0; part < stack_.weights.size(); ++part) {
      const auto* w = args.in<int8_t>(stack_.weights[part]);
      const void* bias = stack_.biases.empty() ? nullptr : args.inputs[stack_.biases[part]];
      const FixedMultiplier multiplier = options_.multipliers[part];
      const int32_t zero = options_.zeros[part];
      for (int64_t unit = 0; unit < stack_.units; ++unit, w += k) {
        int32_t value = 0;
        if (options_.sums64) {
          const int64_t sum = long_dot(x, w, zero, k);
          const int64_t b = bias != nullptr ? static_cast<const int64_t*>(bias)[unit] : 0;
          value = apply_multiplier(
              static_cast<int64_t>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(b)),
              multiplier);
        } else {
          const int32_t b = bias != nullptr ? static_cast<const int32_t*>(bias)[unit] : 0;
          value = apply_multiplier(wrapping_add(dot(x, w, zero, k), b), multiplier);
        }
        *y++ = clamp(value, options_.range);
      }
    }
  }
}

}  // namespace smelt
