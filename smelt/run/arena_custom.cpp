#include <algorithm>
#include <array>

#include "smelt/base/bytes.h"
#include "smelt/ops/flex_options.h"
#include "smelt/run/arena_kernels.h"

// Persistent and scratch memory of the custom ops in TensorFlow Lite Micro's resolver:
// tensorflow/lite/micro/kernels (circular_buffer.h, decode_state*.h, detection_postprocess.cc) and
// signal/micro/kernels.

namespace smelt {
namespace {

struct CustomOp {
  const Graph& graph;
  const Op& op;
  const MicroBuild& build;
  FlexOptions options;

  /// Size of an axis of operand i, counted from the last (0); 0 where there is none.
  int64_t from_last(TensorId id, int axis) const {
    if (!id) return 0;
    const Shape& shape = graph.tensor(id).shape;
    return axis < shape.rank() ? std::max(0, shape[shape.rank() - 1 - axis]) : 0;
  }
  int64_t input(int from_last_axis) const { return from_last(op.input(0), from_last_axis); }
  /// Rows of the first operand, `axes` of which belong to a row.
  int64_t rows(int axes) const {
    if (!op.input(0)) return 0;
    const Shape& shape = graph.tensor(op.input(0)).shape;
    return shape.rank() < axes ? 0 : shape.elements(0, shape.rank() - axes);
  }
  int64_t option(std::string_view name) const { return std::max(0, options.integer(name)); }
  int64_t element_bytes() const {
    return op.input(0) ? storage_bytes(graph.tensor(op.input(0)).type, 1) : 0;
  }
};

/// CircularBuffer of signal/src/circular_buffer.h and room for twice its capacity in int16.
int64_t ring_bytes(const MicroBuild& build, int64_t capacity) {
  return (build.wide() ? 40 : 24) + storage_bytes(DataType::int32, capacity);
}

/// `count` blocks of the same size, as one.
void add_blocks(int64_t count, int64_t bytes, KernelMemory& out) {
  constexpr int64_t kAlignment = 16;
  out.persistent.push_back(
      checked_mul(count, (bytes + kAlignment - 1) / kAlignment * kAlignment, "state"));
}

/// Two arrays of pointers, then a ring for each row.
void add_rings(const CustomOp& in, int64_t capacity, KernelMemory& out) {
  const int64_t rows = in.rows(1), pointers = checked_mul(rows, in.build.pointer, "rows");
  out.persistent.insert(out.persistent.end(), {pointers, pointers});
  add_blocks(rows, ring_bytes(in.build, capacity), out);
}

void delay(const CustomOp& in, KernelMemory& out) {
  add_rings(in, in.input(0) + in.option("delay_length"), out);
}

/// The ring holds a frame, rounded up to whole steps.
void framer(const CustomOp& in, KernelMemory& out) {
  const int64_t size = in.option("frame_size"), step = in.option("frame_step");
  if (step > 0) add_rings(in, (size + step - 1) / step * step, out);
}

void overlap_add(const CustomOp& in, KernelMemory& out) {
  const int64_t rows = in.rows(2);
  out.persistent.push_back(checked_mul(rows, in.build.pointer, "rows"));
  add_blocks(rows, in.input(0) * in.element_bytes(), out);
}

void stacker(const CustomOp& in, KernelMemory& out) {
  const int64_t frames = in.option("stacker_left_context") + in.option("stacker_right_context") + 1;
  out.persistent.push_back(
      ring_bytes(in.build, checked_mul(in.option("num_channels"), frames, "frames")));
}

void filter_bank(const CustomOp& in, KernelMemory& out) {
  out.persistent.push_back(8 * (in.option("num_channels") + 1));
}

void spectral_subtraction(const CustomOp& in, KernelMemory& out) {
  out.persistent.push_back(4 * in.option("num_channels"));
}

/// kiss_fftr_alloc of KISS FFT: its state, a complex transform of half the length, and one and a
/// half as many twiddle factors.
int64_t fft_bytes(const CustomOp& in) {
  const int64_t half = in.option("fft_length") / 2;
  const int64_t complex = 2 * in.element_bytes();
  constexpr int64_t kFactors = 4 * (2 + 2 * 32);
  return 3 * in.build.pointer + kFactors + complex * std::max<int64_t>(half, 1) +
         complex * (half * 3 / 2);
}

void rfft(const CustomOp& in, KernelMemory& out) {
  out.persistent.push_back(fft_bytes(in));
  out.scratch.push_back(in.option("fft_length") * in.element_bytes());
}

/// The float form keeps its length and a pointer in front.
void irfft(const CustomOp& in, KernelMemory& out) {
  const bool is_float = in.op.input(0) && in.graph.tensor(in.op.input(0)).type == DataType::float32;
  out.persistent.push_back(fft_bytes(in) + (is_float ? 2 * in.build.pointer : 0));
}

void detection(const CustomOp& in, KernelMemory& out) {
  const int64_t boxes = in.input(1), most = in.option("max_detections");
  const TensorId scores = in.op.input(1);
  const auto words = [&](int64_t per_box) { return checked_mul(4 * boxes, per_box, "boxes"); };
  out.scratch = {boxes,
                 words(4),
                 checked_mul(4 * in.from_last(scores, 1), in.from_last(scores, 0), "scores"),
                 words(1),
                 words(1),
                 words(most),
                 words(most),
                 words(1),
                 words(most),
                 words(std::max(in.option("num_classes"), most)),
                 words(std::min(boxes, most))};
}

/// A state per result, by the kind that its description (every second operand) starts with.
void decode(const CustomOp& in, KernelMemory& out) {
  enum Kind { lut, huffman, prune };
  out.persistent.push_back(static_cast<int64_t>(in.op.outputs.size()) * in.build.pointer);
  for (size_t i = 0; i < in.op.outputs.size(); ++i) {
    const Tensor* description = in.graph.constant_input(in.op, 2 * i + 1);
    if (description == nullptr || description->data.size() == 0 || !in.op.outputs[i]) continue;
    const int kind = description->data.bytes()[0];
    const bool wide = in.build.wide();
    if (kind == lut) out.persistent.push_back(wide ? 72 : 36);
    if (kind == huffman) out.persistent.push_back(wide ? 56 : 28);
    if (kind != prune) continue;
    out.persistent.push_back(wide ? 80 : 40);
    const Quantization& q = in.graph.tensor(in.op.outputs[i]).quantization;
    const bool shifted = std::any_of(q.zero_point.begin(), q.zero_point.end(),
                                     [](int64_t zero_point) { return zero_point != 0; });
    if (q.per_axis() && shifted) out.persistent.push_back(static_cast<int64_t>(q.scale.size()));
  }
}

void nothing(const CustomOp&, KernelMemory&) {}

struct CustomRow {
  std::string_view code;
  int64_t data64, data32;  ///< the kernel's struct
  void (*prepare)(const CustomOp& in, KernelMemory& out);
};

constexpr auto kCustomKernels = std::to_array<CustomRow>({
    {"CIRCULAR_BUFFER", 8, 8, nothing},
    {"TFLM_DECODE", 0, 0, decode},
    {"TFLite_Detection_PostProcess", 112, 112, detection},
    {"SignalDelay", 32, 20, delay},
    {"SignalEnergy", 8, 8, nothing},
    {"SignalFilterBank", 64, 36, filter_bank},
    {"SignalFilterBankLog", 8, 8, nothing},
    {"SignalFilterBankSpectralSubtraction", 56, 44, spectral_subtraction},
    {"SignalFramer", 40, 28, framer},
    {"SignalIrfft", 32, 24, irfft},
    {"SignalOverlapAdd", 32, 24, overlap_add},
    {"SignalPCAN", 4, 4, nothing},
    {"SignalRfft", 48, 32, rfft},
    {"SignalStacker", 56, 36, stacker},
    {"SignalWindow", 8, 8, nothing},
});

}  // namespace

KernelMemory custom_kernel_memory(const Graph& graph, const Op& op, const MicroBuild& build) {
  KernelMemory memory;
  const auto* attributes = std::get_if<CustomAttributes>(&op.attributes);
  if (attributes == nullptr) return memory;
  const auto row = std::find_if(kCustomKernels.begin(), kCustomKernels.end(),
                                [&](const CustomRow& r) { return r.code == attributes->code; });
  if (row == kCustomKernels.end()) return memory;
  const int64_t data = build.wide() ? row->data64 : row->data32;
  if (data > 0) memory.persistent.push_back(data);
  row->prepare({graph, op, build, FlexOptions(*attributes)}, memory);
  return memory;
}

}  // namespace smelt
