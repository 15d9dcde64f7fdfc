#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// Custom ops that keep samples between invocations.

/// SignalFramer: int16 x [..., N] -> frames [..., N / frame_step, frame_size] and bool []: whether
/// all frames were complete. Incomplete frames are zeros.
Kernel prepare_signal_framer(const PrepareArgs& args);
/// SignalOverlapAdd: int16 or float32 frames [..., F, frame_size] -> [..., F * frame_step], sums of
/// overlapping frames, saturated.
Kernel prepare_signal_overlap_add(const PrepareArgs& args);
/// SignalStacker: int16 [C] -> the last frames [C * (left + 1 + right)] and bool []: whether there
/// are enough; the first one counts left + 1 times.
Kernel prepare_signal_stacker(const PrepareArgs& args);
/// SignalDelay: int16 x [..., N] -> x delay_length samples later.
Kernel prepare_signal_delay(const PrepareArgs& args);
/// CIRCULAR_BUFFER: int8 [N,1,W,C] -> the last frames [N,F,W,C]. TFLite Micro ends the invocation
/// behind it when it does not run every time; such models are refused.
Kernel prepare_circular_buffer(const PrepareArgs& args);

}  // namespace smelt
