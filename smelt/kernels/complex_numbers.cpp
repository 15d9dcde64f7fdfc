#include "smelt/kernels/complex_numbers.h"

#include <algorithm>
#include <complex>

#include "smelt/kernels/fourier.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

using Complex = std::complex<double>;

struct Rfft {
  int64_t images = 0;
  int32_t in_h = 0, in_w = 0;
  Fourier columns, rows;  ///< of the lengths along H and W

  int64_t out_w() const { return rows.size() / 2 + 1; }

  /// Rows first, then the columns that the result holds.
  void run(const float* x, std::complex<float>* y, Complex* image, Complex* column) const {
    const int64_t h = columns.size();
    const int64_t w = rows.size();
    std::fill_n(image, h * w, Complex());
    for (int64_t i = 0; i < std::min<int64_t>(h, in_h); ++i) {
      for (int64_t j = 0; j < std::min<int64_t>(w, in_w); ++j) image[i * w + j] = x[i * in_w + j];
      rows.transform(image + i * w);
    }
    for (int64_t j = 0; j < out_w(); ++j) {
      for (int64_t i = 0; i < h; ++i) column[i] = image[i * w + j];
      columns.transform(column);
      for (int64_t i = 0; i < h; ++i) y[i * out_w() + j] = std::complex<float>(column[i]);
    }
  }
};

template <class F>
Kernel complex_part(const PrepareArgs& args, F f) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_shape(x, y);
  require_type(x, {DataType::complex64, DataType::complex128});
  const int64_t count = x.shape.elements();
  if (x.type == DataType::complex64) {
    require_type(y, {DataType::float32});
    return elementwise<std::complex<float>, float>(count, f);
  }
  require_type(y, {DataType::float64});
  return elementwise<std::complex<double>, double>(count, f);
}

}  // namespace

Kernel prepare_rfft_2d(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_type(x, {DataType::float32});
  require_type(y, {DataType::complex64});
  require_rank(x, 2, INT32_MAX);
  const std::vector<int64_t> lengths = constant_ints(args.input(1));
  constexpr int64_t kLongest = 1 << 24;
  if (lengths.size() != 2 || !is_power_of_two(lengths[0]) || !is_power_of_two(lengths[1]) ||
      lengths[0] > kLongest || lengths[1] > kLongest) {
    fail(ErrorKind::bad_file, "{} must hold two powers of two", args.input(1).name);
  }
  const int rank = x.shape.rank();
  Shape expected = x.shape;
  expected[rank - 2] = static_cast<int32_t>(lengths[0]);
  expected[rank - 1] = static_cast<int32_t>(lengths[1] / 2 + 1);
  require_shape(y, expected);
  auto op = std::make_shared<const Rfft>(
      Rfft{x.shape.elements(0, rank - 2), x.shape[rank - 2], x.shape[rank - 1],
           Fourier(static_cast<int>(lengths[0])), Fourier(static_cast<int>(lengths[1]))});
  const int64_t image = lengths[0] * lengths[1];
  return {[op, image](const InvokeArgs& run) {
            auto* scratch = reinterpret_cast<Complex*>(run.scratch);
            const int64_t in = static_cast<int64_t>(op->in_h) * op->in_w;
            const int64_t out = op->columns.size() * op->out_w();
            for (int64_t n = 0; n < op->images; ++n) {
              op->run(run.in<float>(0) + n * in, run.out<std::complex<float>>() + n * out, scratch,
                      scratch + image);
            }
          },
          (image + lengths[0]) * static_cast<int64_t>(sizeof(Complex))};
}

Kernel prepare_real(const PrepareArgs& args) {
  return complex_part(args, [](auto z) { return z.real(); });
}
Kernel prepare_imag(const PrepareArgs& args) {
  return complex_part(args, [](auto z) { return z.imag(); });
}
Kernel prepare_complex_abs(const PrepareArgs& args) {
  return complex_part(args, [](auto z) { return std::abs(z); });
}

}  // namespace smelt
