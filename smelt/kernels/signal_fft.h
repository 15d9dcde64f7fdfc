#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

/// SignalRfft: x [..., N] padded with zeros to fft_length -> the spectrum as pairs
/// [..., fft_length + 2]; int16, int32 or float32. Integer results equal kissfft in fixed point.
Kernel prepare_signal_rfft(const PrepareArgs& args);
/// SignalIrfft: pairs [..., fft_length + 2] -> x [..., fft_length].
Kernel prepare_signal_irfft(const PrepareArgs& args);

}  // namespace smelt
