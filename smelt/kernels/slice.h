#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// SLICE (x, begin [r], size [r]): a block of x. Any type of 8 bits or more. A begin that is
/// computed at run time is clamped so that the block lies inside x.
Kernel prepare_slice(const PrepareArgs& args);

/// STRIDED_SLICE (x, begin, end, strides) with TensorFlow's masks: all of begin_mask, end_mask,
/// ellipsis_mask, new_axis_mask and shrink_axis_mask. Begins that are computed at run time are
/// clamped so that the result (whose shape is known) lies inside x; strides must be constant.
Kernel prepare_strided_slice(const PrepareArgs& args);

/// DYNAMIC_UPDATE_SLICE (x, update, start [r]): x with a block replaced; the start is clamped so
/// that the block lies inside x.
Kernel prepare_dynamic_update_slice(const PrepareArgs& args);

}  // namespace smelt
