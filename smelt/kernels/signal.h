#pragma once

#include "smelt/kernels/kernel.h"

namespace smelt {

// The stateless ops of TFLite Micro's signal library (its audio front end), and the noise estimate.
// Integers throughout, byte for byte. Options are flexbuffer maps.

/// SignalWindow: int16 x [..., N], weights [N] -> x * weights >> shift, saturated.
Kernel prepare_signal_window(const PrepareArgs& args);
/// SignalFftAutoScale: int16 x [N] -> x shifted left as far as its largest value allows, and the
/// shift int32 [].
Kernel prepare_signal_fft_auto_scale(const PrepareArgs& args);
/// SignalEnergy: int16 pairs [2N] -> squared magnitudes uint32 [N]; 0 outside of start..end.
Kernel prepare_signal_energy(const PrepareArgs& args);
/// SignalFilterBank: uint32 energies, weights, unweights int16, per channel (and one in front) the
/// first frequency, the first weight and the number of weights, int16 constants -> uint64 [C].
Kernel prepare_signal_filter_bank(const PrepareArgs& args);
/// SignalFilterBankSquareRoot: uint64 [C], shift int32 [] -> uint32 [C].
Kernel prepare_signal_filter_bank_square_root(const PrepareArgs& args);
/// SignalFilterBankSpectralSubtraction: uint32 [C] -> uint32 [C] less the noise, and the noise
/// estimate uint32 [C], which is kept between invocations.
Kernel prepare_signal_spectral_subtraction(const PrepareArgs& args);
/// SignalFilterBankLog: uint32 [C] -> int16 [C], natural logarithms times output_scale.
Kernel prepare_signal_filter_bank_log(const PrepareArgs& args);
/// SignalPCAN: uint32 [C], noise uint32 [C], gain table int16 [125] -> uint32 [C].
Kernel prepare_signal_pcan(const PrepareArgs& args);

}  // namespace smelt
