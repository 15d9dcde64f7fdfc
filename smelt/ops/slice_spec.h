#pragma once

#include <cstdint>
#include <vector>

#include "smelt/ir/attributes.h"
#include "smelt/ir/shape.h"

namespace smelt {

/// What a slice takes of one axis of its input: positions begin, begin + stride, ...
struct AxisSlice {
  int64_t begin = 0;
  int64_t stride = 1;
  int64_t count = 0;
  bool operator==(const AxisSlice&) const = default;
};

struct SliceSpec {
  std::vector<AxisSlice> axes;  ///< one per axis of the input
  Shape output;                 ///< with shrunken axes removed and new ones put in
};

/// STRIDED_SLICE: all masks resolved (TensorFlow's rules: bounds are clamped to the axis, an
/// ellipsis stands for all axes that are not named). bad_file where the operands do not fit.
SliceSpec strided_slice_spec(const StridedSliceAttributes& attributes, const Shape& input,
                             const std::vector<int64_t>& begin, const std::vector<int64_t>& end,
                             const std::vector<int64_t>& strides);

/// SLICE: size -1 is all the rest of the axis.
SliceSpec slice_spec(const Shape& input, const std::vector<int64_t>& begin,
                     const std::vector<int64_t>& size);

}  // namespace smelt
