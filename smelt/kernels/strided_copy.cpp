#include "smelt/kernels/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

template <class T>
void copy_row(const T* x, T* y, int64_t count, int64_t stride) {
  if (stride == 1) {
    std::memcpy(y, x, static_cast<size_t>(count) * sizeof(T));
  } else if (stride == 0) {
    std::fill(y, y + count, *x);
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i * stride];
  }
}

template <class T>
void copy_all(const StridedCopy& c, const T* x, T* y, int64_t from) {
  const int outer = c.rank - 1;
  const int64_t row = c.size[static_cast<size_t>(outer)];
  const int64_t row_stride = c.stride[static_cast<size_t>(outer)];
  std::array<int64_t, StridedCopy::kMaxRank> at{};
  int64_t offset = from;
  while (true) {
    copy_row(x + offset, y, row, row_stride);
    y += row;
    int axis = outer - 1;
    for (; axis >= 0; --axis) {
      const auto a = static_cast<size_t>(axis);
      offset += c.stride[a];
      if (++at[a] < c.size[a]) break;
      offset -= c.stride[a] * c.size[a];
      at[a] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace

StridedCopy StridedCopy::make(const std::vector<int64_t>& sizes,
                              const std::vector<int64_t>& strides, int64_t base,
                              int64_t element_bytes) {
  StridedCopy copy{.base = base, .bytes = element_bytes};
  std::vector<int64_t> size, stride;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return copy;
    if (sizes[i] == 1) continue;
    if (!size.empty() && stride.back() == strides[i] * sizes[i]) {
      size.back() *= sizes[i];
      stride.back() = strides[i];
    } else {
      size.push_back(sizes[i]);
      stride.push_back(strides[i]);
    }
  }
  if (size.empty()) {
    size.push_back(1);
    stride.push_back(1);
  }
  if (size.size() > static_cast<size_t>(kMaxRank)) {
    fail(ErrorKind::unsupported, "the copy runs over {} axes; at most {} have a kernel",
         size.size(), kMaxRank);
  }
  copy.rank = static_cast<int>(size.size());
  std::copy(size.begin(), size.end(), copy.size.begin());
  std::copy(stride.begin(), stride.end(), copy.stride.begin());
  return copy;
}

void StridedCopy::run(const void* x, void* y, int64_t from) const {
  if (rank == 0) return;
  with_element_size(bytes, [&](auto zero) {
    using T = decltype(zero);
    copy_all(*this, static_cast<const T*>(x), static_cast<T*>(y), from);
  });
}

std::vector<int64_t> dense_strides(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()));
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = stride;
    stride *= shape[i];
  }
  return strides;
}

Kernel strided_copy_kernel(const StridedCopy& copy) {
  return {[copy](const InvokeArgs& args) { copy.run(args.inputs[0], args.outputs[0]); }};
}

}  // namespace smelt
