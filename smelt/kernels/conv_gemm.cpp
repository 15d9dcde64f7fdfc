#include "smelt/kernels/conv_gemm.h"

#include <algorithm>

namespace smelt {
namespace {

/// Rows to copy at once so that they stay near, where one takes `row_bytes`. Each block reads all
/// weights again: where these are many, rows are better kept less near.
int64_t rows_per_block(int64_t row_bytes, int64_t row_count, int64_t weight_bytes) {
  constexpr int64_t kNearWeights = 128 * 1024;
  constexpr int64_t kTile = 12;  // a multiple of the rows that the products take at once
  const int64_t block_bytes = (weight_bytes > kNearWeights ? 192 : 48) * 1024;
  const int64_t fitting = block_bytes / std::max<int64_t>(row_bytes, 1) / kTile * kTile;
  return std::min(std::clamp<int64_t>(fitting, kTile, 192), std::max<int64_t>(row_count, 1));
}

/// Lines save most of the copying, but read all weights again for each line of y.
bool lines_pay(const ConvGemm& conv, int64_t groups, int64_t weight_bytes) {
  constexpr int64_t kNearBytes = 256 * 1024;
  const Window& w = conv.shape.window;
  if (groups != 1 || w.dilation_w != 1 || w.cells() == 0 || conv.shape.pointwise()) return false;
  if (conv.columns > kNearBytes / conv.shape.channels) return false;  // also keeps sizes in range
  return w.out_w >= 4 && (weight_bytes <= kNearBytes || w.out_w >= 24) &&
         conv.slots * conv.line_values() <= 2 * kNearBytes;
}

/// True where positions follow each other without gaps, so that blocks may span lines and images.
bool is_dense(const ConvGemm& conv) {
  const Window& w = conv.shape.window;
  return conv.place.line == w.out_w * conv.place.pixel &&
         conv.place.image == w.out_h * conv.place.line;
}

// --- What differs between float and integer convolutions.

struct FloatOps {
  using X = float;
  using Value = float;
  using Y = float;
  const ConvGemm& conv;
  const std::vector<FloatGemm>& gemms() const { return conv.floats; }
  void windows(const Im2Col& s, const X* x, int64_t first, int64_t count, Value* to) const {
    im2col(s, x, first, count, to);
  }
  void line(LineCopy line, const X* image, const X* end, Value* to) const {
    copy_line(conv.shape, line, image, end, to);
  }
};

template <class T>
struct IntOps {
  using X = T;
  using Value = int16_t;
  using Y = T;
  const ConvGemm& conv;
  int32_t x_zero = 0;
  const std::vector<IntGemm>& gemms() const { return conv.ints; }
  void windows(const Im2Col& s, const X* x, int64_t first, int64_t count, Value* to) const {
    im2col(s, x, x_zero, first, count, to);
  }
  void line(LineCopy line, const X* image, const X* end, Value* to) const {
    copy_line(conv.shape, line, image, end, x_zero, to);
  }
};

/// Rows [first, first + count), which go to y on.
template <class Ops>
void run_block(const Ops& ops, const typename Ops::X* x, int64_t first, int64_t count,
               typename Ops::Y* y, typename Ops::Value* scratch) {
  using Value = typename Ops::Value;
  const ConvGemm& conv = ops.conv;
  Im2Col shape = conv.shape;
  for (const auto& gemm : ops.gemms()) {
    const Value* rows = scratch;
    int64_t stride = shape.row_stride;
    if constexpr (std::is_same_v<Value, typename Ops::X>) {
      if (conv.rows == ConvRows::in_place) {
        rows = x + first * shape.channels;
        stride = shape.channels;
      }
    }
    if (rows == scratch) ops.windows(shape, x, first, count, scratch);
    gemm.run(gemm, {.segments = &rows, .stride = stride}, count, y, conv.place.pixel);
    shape.first_channel += shape.row_channels;
    y += gemm.n;
  }
}

template <class Ops>
void run_blocks(const Ops& ops, const typename Ops::X* x, typename Ops::Y* y,
                typename Ops::Value* scratch) {
  const ConvGemm& conv = ops.conv;
  const Window& w = conv.shape.window;
  const int64_t run = is_dense(conv) ? conv.row_count() : w.out_w;  // rows that follow each other
  for (int64_t start = 0; start < conv.row_count(); start += run) {
    const int64_t image = start / w.positions();
    const int64_t oy = start / w.out_w % w.out_h;
    auto* to = y + conv.place.first + image * conv.place.image + oy * conv.place.line;
    for (int64_t i = 0; i < run; i += conv.block) {
      run_block(ops, x, start + i, std::min(conv.block, run - i), to + i * conv.place.pixel,
                scratch);
    }
  }
}

/// Scratch of `lines`: a line of zeros, the slots, the segments, and which line each slot holds.
template <class Value>
struct LineScratch {
  Value* zeros;
  Value* slots;
  const Value** segments;
  int64_t* held;

  LineScratch(const ConvGemm& conv, std::byte* scratch)
      : zeros(reinterpret_cast<Value*>(scratch)),
        slots(zeros + conv.line_values()),
        segments(reinterpret_cast<const Value**>(slots + conv.slots * conv.line_values())),
        held(reinterpret_cast<int64_t*>(segments + conv.shape.window.filter_h)) {}
};

template <class Ops>
void run_lines(const Ops& ops, const typename Ops::X* x, typename Ops::Y* y, std::byte* memory) {
  using Value = typename Ops::Value;
  const ConvGemm& conv = ops.conv;
  const Im2Col& s = conv.shape;
  const Window& w = s.window;
  const LineScratch<Value> scratch(conv, memory);
  const auto* end = x + s.input_elements();
  const auto& gemm = ops.gemms()[0];
  std::fill_n(scratch.zeros, conv.line_values(), Value{0});
  for (int64_t n = 0; n < s.batch; ++n, x += s.channels * w.in_w * w.in_h) {
    std::fill_n(scratch.held, conv.slots, int64_t{-1});
    for (int64_t oy = 0; oy < w.out_h; ++oy) {
      for (int64_t ky = 0; ky < w.filter_h; ++ky) {
        const int64_t iy = oy * w.stride_h + ky * w.dilation_h + w.origin_h;
        scratch.segments[ky] = scratch.zeros;
        if (iy < 0 || iy >= w.in_h) continue;
        Value* line = scratch.slots + iy % conv.slots * conv.line_values();
        if (scratch.held[iy % conv.slots] != iy) {
          ops.line({.iy = iy, .columns = conv.columns}, x, end, line);
          scratch.held[iy % conv.slots] = iy;
        }
        scratch.segments[ky] = line;
      }
      gemm.run(
          gemm,
          {.segments = scratch.segments, .count = w.filter_h, .stride = w.stride_w * s.channels},
          w.out_w, y + conv.place.first + n * conv.place.image + oy * conv.place.line,
          conv.place.pixel);
    }
  }
}

template <class Ops>
void run_with(const Ops& ops, const void* x, void* y, std::byte* scratch) {
  const auto* from = static_cast<const typename Ops::X*>(x);
  auto* to = static_cast<typename Ops::Y*>(y);
  if (ops.conv.rows == ConvRows::lines) return run_lines(ops, from, to, scratch);
  run_blocks(ops, from, to, reinterpret_cast<typename Ops::Value*>(scratch));
}

}  // namespace

int64_t ConvGemm::scratch_bytes() const {
  const int64_t value = floats.empty() ? sizeof(int16_t) : sizeof(float);
  switch (rows) {
    case ConvRows::in_place:
      return 0;
    case ConvRows::lines:
      return (slots + 1) * line_values() * value +
             (shape.window.filter_h + slots) * static_cast<int64_t>(sizeof(int64_t));
    default:
      return checked_mul(block, shape.row_stride * value, "rows of a convolution") +
             kIm2ColSlack * value;
  }
}

void plan_rows(ConvGemm& conv, int64_t groups, bool is_float, int64_t weight_bytes) {
  Im2Col& s = conv.shape;
  const Window& w = s.window;
  const int64_t k = w.cells() * s.row_channels;
  s.row_stride = is_float ? k : round_up(k, 2);
  conv.block = rows_per_block(s.row_stride * (is_float ? 4 : 2), conv.row_count(), weight_bytes);
  conv.columns = (int64_t{w.out_w} - 1) * w.stride_w + w.filter_w;
  conv.slots = std::min<int64_t>((int64_t{w.filter_h} - 1) * w.dilation_h + 1, w.in_h);
  if (is_float && s.pointwise()) {
    conv.rows = ConvRows::in_place;
  } else if (lines_pay(conv, groups, weight_bytes)) {
    conv.rows = ConvRows::lines;
  }
}

OutputPlace dense_place(const Window& window, int64_t channels) {
  return {
      .image = window.positions() * channels, .line = window.out_w * channels, .pixel = channels};
}

void run_conv_gemm(const ConvGemm& conv, const void* x, void* y, std::byte* scratch) {
  if (!conv.floats.empty()) {
    run_with(FloatOps{conv}, x, y, scratch);
  } else if (conv.unsigned_x) {
    run_with(IntOps<uint8_t>{conv, conv.x_zero}, x, y, scratch);
  } else {
    run_with(IntOps<int8_t>{conv, conv.x_zero}, x, y, scratch);
  }
}

void run_conv_gemm(const ConvGemm& conv, const int8_t* x, int32_t x_zero, void* y,
                   std::byte* scratch) {
  run_with(IntOps<int8_t>{conv, x_zero}, x, y, scratch);
}

Kernel conv_gemm_kernel(ConvGemm conv, size_t x) {
  auto shared = std::make_shared<const ConvGemm>(std::move(conv));
  return {[shared, x](const InvokeArgs& in) {
            run_conv_gemm(*shared, in.inputs[x], in.outputs[0], in.scratch);
          },
          shared->scratch_bytes()};
}

}  // namespace smelt
