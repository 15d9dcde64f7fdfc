#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// TFLite_Detection_PostProcess: box encodings [1,N,4 or more], class scores [1,N,C], anchors
/// [N,4], float32 or uint8 -> boxes [1,n,4], classes [1,n], scores [1,n], number of valid ones [1],
/// all float32. Boxes are decoded from centers and sizes; overlapping ones are suppressed per class
/// (use_regular_nms) or by the best class of each box. Unused results are zeros. Sorting is stable.
Kernel prepare_detection(const PrepareArgs& args);

}  // namespace smelt
