#include "smelt/kernels/pool.h"

#include <cmath>

#include "smelt/kernels/operands.h"
#include "smelt/kernels/pool_fast.h"

namespace smelt {
namespace {

Pool make_pool(const PrepareArgs& args, bool average, std::initializer_list<DataType> types) {
  const auto& a = attributes_of<Pool2DAttributes>(args);
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_type(x, types);
  require_same_type(x, y);
  require_clamping(a.activation);
  Pool pool{.window = make_window({.padding = a.padding,
                                   .filter_h = a.filter_h,
                                   .filter_w = a.filter_w,
                                   .stride_h = a.stride_h,
                                   .stride_w = a.stride_w},
                                  x, y),
            .batch = x.shape[0],
            .channels = x.shape[3],
            .average = average,
            .type = x.type};
  require_shape(y, Shape{x.shape[0], pool.window.out_h, pool.window.out_w, x.shape[3]});
  if (x.type == DataType::float32) {
    pool.range_float = activation_range(a.activation);
    return pool;
  }
  require_per_tensor(x);
  require_per_tensor(y);
  // The tolerance is that of TFLite Micro's PoolingPrepare.
  if (std::abs(scale_of(x) - scale_of(y)) > 1e-6f || zero_of(x) != zero_of(y)) {
    fail(ErrorKind::unsupported,
         "{} and {} have different scales or zero points; a pool keeps them", x.name, y.name);
  }
  pool.range = activation_range(a.activation, y);
  return pool;
}

/// Calls cell(n, oy, ox, c) -> stored value for every output, in order.
template <class T, class Cell>
void for_each_output(const Pool& pool, T* y, Cell&& cell) {
  for (int64_t n = 0; n < pool.batch; ++n) {
    for (int64_t oy = 0; oy < pool.window.out_h; ++oy) {
      for (int64_t ox = 0; ox < pool.window.out_w; ++ox) {
        for (int64_t c = 0; c < pool.channels; ++c) *y++ = cell(n, oy, ox, c);
      }
    }
  }
}

/// Calls visit(value) for the cells of the window that lie inside the image; returns how many.
template <class T, class Visit>
int64_t for_each_cell(const Pool& pool, const T* x, int64_t n, int64_t oy, int64_t ox, int64_t c,
                      Visit&& visit) {
  const Window& w = pool.window;
  const int64_t iy = oy * w.stride_h + w.origin_h;
  const int64_t ix = ox * w.stride_w + w.origin_w;
  const CellRange ys = cells_inside(iy, 1, w.filter_h, w.in_h);
  const CellRange xs = cells_inside(ix, 1, w.filter_w, w.in_w);
  for (int64_t y = iy + ys.begin; y < iy + ys.end; ++y) {
    for (int64_t at = ix + xs.begin; at < ix + xs.end; ++at) {
      visit(x[((n * w.in_h + y) * w.in_w + at) * pool.channels + c]);
    }
  }
  return int64_t{ys.end - ys.begin} * (xs.end - xs.begin);
}

int32_t clamp_to(const Pool& pool, int32_t value) { return clamp(value, pool.range); }
float clamp_to(const Pool& pool, float value) { return clamp(value, pool.range_float); }

template <class T>
T mean(const Pool& pool, const T* x, int64_t n, int64_t oy, int64_t ox, int64_t c) {
  if constexpr (std::is_same_v<T, float>) {
    float sum = 0;
    const int64_t count = for_each_cell(pool, x, n, oy, ox, c, [&](float v) { sum += v; });
    return clamp_to(pool, sum / static_cast<float>(count));
  } else {
    int64_t sum = 0;
    const int64_t count = for_each_cell(pool, x, n, oy, ox, c, [&](T v) { sum += v; });
    const int64_t rounded = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    return static_cast<T>(clamp_to(pool, static_cast<int32_t>(rounded)));
  }
}

template <class T>
T maximum(const Pool& pool, const T* x, int64_t n, int64_t oy, int64_t ox, int64_t c) {
  T best = std::numeric_limits<T>::lowest();
  for_each_cell(pool, x, n, oy, ox, c, [&](T v) { best = std::max(best, v); });
  return static_cast<T>(clamp_to(pool, best));
}

template <class T>
Kernel plain_pool(const Pool& pool) {
  return {[pool](const InvokeArgs& args) {
    const T* x = args.in<T>(0);
    for_each_output(pool, args.out<T>(), [&](int64_t n, int64_t oy, int64_t ox, int64_t c) {
      return pool.average ? mean(pool, x, n, oy, ox, c) : maximum(pool, x, n, oy, ox, c);
    });
  }};
}

Kernel prepare_pool(const PrepareArgs& args, bool average) {
  const Pool pool = make_pool(
      args, average, {DataType::float32, DataType::int8, DataType::uint8, DataType::int16});
  if (args.choice == KernelChoice::fastest && pool_is_fast(pool)) {
    return {[pool](const InvokeArgs& in) { run_pool(pool, in.inputs[0], in.outputs[0]); }};
  }
  switch (pool.type) {
    case DataType::float32:
      return plain_pool<float>(pool);
    case DataType::int8:
      return plain_pool<int8_t>(pool);
    case DataType::uint8:
      return plain_pool<uint8_t>(pool);
    default:
      return plain_pool<int16_t>(pool);
  }
}

}  // namespace

Kernel prepare_average_pool_2d(const PrepareArgs& args) { return prepare_pool(args, true); }
Kernel prepare_max_pool_2d(const PrepareArgs& args) { return prepare_pool(args, false); }

Kernel prepare_l2_pool_2d(const PrepareArgs& args) {
  const Pool pool = make_pool(args, false, {DataType::float32});
  return {[pool](const InvokeArgs& args_now) {
    const float* x = args_now.in<float>(0);
    for_each_output(pool, args_now.out<float>(), [&](int64_t n, int64_t oy, int64_t ox, int64_t c) {
      float sum = 0;
      const int64_t count = for_each_cell(pool, x, n, oy, ox, c, [&](float v) { sum += v * v; });
      return clamp_to(pool, std::sqrt(sum / static_cast<float>(count)));
    });
  }};
}

}  // namespace smelt
