#include "smelt/kernels/custom.h"

#include <array>

#include "smelt/kernels/decode.h"
#include "smelt/kernels/detection.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/signal.h"
#include "smelt/kernels/signal_fft.h"
#include "smelt/kernels/signal_frames.h"
#include "smelt/kernels/transpose_conv_bias.h"

namespace smelt {
namespace {

struct Row {
  std::string_view code;
  PrepareKernel prepare;
};

constexpr std::array kRows = {
    Row{"TFLite_Detection_PostProcess", prepare_detection},
    Row{"Convolution2DTransposeBias", prepare_transpose_conv_bias},
    Row{"CIRCULAR_BUFFER", prepare_circular_buffer},
    Row{"TFLM_DECODE", prepare_decode},
    Row{"SignalWindow", prepare_signal_window},
    Row{"SignalFftAutoScale", prepare_signal_fft_auto_scale},
    Row{"SignalRfft", prepare_signal_rfft},
    Row{"SignalIrfft", prepare_signal_irfft},
    Row{"SignalEnergy", prepare_signal_energy},
    Row{"SignalFilterBank", prepare_signal_filter_bank},
    Row{"SignalFilterBankSquareRoot", prepare_signal_filter_bank_square_root},
    Row{"SignalFilterBankSpectralSubtraction", prepare_signal_spectral_subtraction},
    Row{"SignalFilterBankLog", prepare_signal_filter_bank_log},
    Row{"SignalPCAN", prepare_signal_pcan},
    Row{"SignalFramer", prepare_signal_framer},
    Row{"SignalOverlapAdd", prepare_signal_overlap_add},
    Row{"SignalStacker", prepare_signal_stacker},
    Row{"SignalDelay", prepare_signal_delay},
};

}  // namespace

PrepareKernel find_custom_kernel(std::string_view code) {
  for (const Row& row : kRows) {
    if (row.code == code) return row.prepare;
  }
  return nullptr;
}

Kernel prepare_custom(const PrepareArgs& args) {
  const std::string& code = attributes_of<CustomAttributes>(args).code;
  const PrepareKernel prepare = find_custom_kernel(code);
  if (prepare == nullptr) fail(ErrorKind::unsupported, "custom op '{}' has no kernel", code);
  return prepare(args);
}

}  // namespace smelt
