#include "smelt/kernels/slice.h"

#include <array>

#include "smelt/kernels/operands.h"
#include "smelt/kernels/strided_copy.h"

namespace smelt {
namespace {

constexpr int kMaxRank = 8;

/// Integers of a run-time operand.
struct RunInts {
  size_t operand = 0;
  bool wide = false;  ///< int64

  int64_t at(const InvokeArgs& run, size_t i) const {
    return wide ? run.in<int64_t>(operand)[i] : run.in<int32_t>(operand)[i];
  }
};

RunInts run_ints(const PrepareArgs& args, size_t operand, int64_t count) {
  const Operand& values = args.input(operand);
  if (values.type != DataType::int32 && values.type != DataType::int64) {
    fail(ErrorKind::bad_file, "{} has type {}; int32 or int64 is needed", values.name,
         name(values.type));
  }
  if (values.shape.elements() != count) {
    fail(ErrorKind::bad_file, "{} has shape {}; {} elements are needed", values.name,
         to_string(values.shape), count);
  }
  return {operand, values.type == DataType::int64};
}

/// The range of one axis of x that a strided slice takes.
struct AxisRange {
  int64_t begin = 0;
  int64_t count = 0;
  int64_t stride = 1;
  int entry = -1;       ///< index into begin, end and strides; -1: the whole axis
  bool masked = false;  ///< the begin is the axis's own
};

/// begin, end and strides of one axis resolved as TFLite's StridedSliceStartForAxis and
/// -EndForAxis.
AxisRange resolve(int64_t size, int64_t begin, int64_t end, int64_t stride, bool begin_masked,
                  bool end_masked, bool shrink, bool offset) {
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
  int64_t start = std::clamp(begin < 0 ? begin + size : begin, low, high);
  if (begin_masked) start = stride > 0 ? 0 : size - 1;
  if (shrink) return {start, start >= 0 && start < size ? 1 : 0, 1};
  int64_t stop = offset ? end + start : end;
  stop = std::clamp(stop < 0 ? stop + size : stop, low, high);
  if (end_masked) stop = stride > 0 ? size : -1;
  const int64_t span = stride > 0 ? stop - start : start - stop;
  const int64_t step = std::abs(stride);
  return {start, span <= 0 ? 0 : (span + step - 1) / step, stride};
}

struct SlicePlan {
  std::vector<AxisRange> axes;  ///< one per axis of x
  std::vector<int64_t> result;  ///< the result's shape
  bool at_run_time = false;
};

bool bit(int32_t mask, size_t i) { return i < 32 && ((static_cast<uint32_t>(mask) >> i) & 1) != 0; }

SlicePlan plan_strided_slice(const PrepareArgs& args) {
  const auto& attributes = attributes_of<StridedSliceAttributes>(args);
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  const std::vector<int64_t> strides = constant_ints(args.input(3));
  const auto entries = static_cast<int64_t>(strides.size());
  run_ints(args, 1, entries);
  run_ints(args, 2, entries);
  SlicePlan plan;
  plan.at_run_time = args.input(1).constant == nullptr || args.input(2).constant == nullptr;
  const auto values = [&](size_t operand) {
    return args.input(operand).constant != nullptr ? constant_ints(args.input(operand))
                                                   : std::vector<int64_t>(strides.size(), 0);
  };
  const std::vector<int64_t> begins = values(1), ends = values(2);

  const int rank = x.shape.rank();
  int taken = 0;  // axes of x named by entries that are neither new nor the ellipsis
  for (size_t i = 0; i < strides.size(); ++i) {
    if (strides[i] == 0) fail(ErrorKind::bad_file, "a stride is 0");
    if (strides[i] < -INT32_MAX || strides[i] > INT32_MAX) fail(ErrorKind::bad_file, "stride");
    if (!bit(attributes.ellipsis_mask, i) && !bit(attributes.new_axis_mask, i)) ++taken;
  }
  if (taken > rank) {
    fail(ErrorKind::bad_file, "{} axes are sliced, but {} has shape {}", taken, x.name,
         to_string(x.shape));
  }
  int axis = 0;
  bool ellipsis_seen = false;
  const auto take_whole = [&] {
    plan.axes.push_back({.count = x.shape[axis]});
    plan.result.push_back(x.shape[axis++]);
  };
  for (size_t i = 0; i < strides.size(); ++i) {
    if (bit(attributes.ellipsis_mask, i)) {
      if (ellipsis_seen) fail(ErrorKind::bad_file, "there are two ellipses");
      ellipsis_seen = true;
      for (int k = rank - taken; k > 0; --k) take_whole();
      continue;
    }
    if (bit(attributes.new_axis_mask, i)) {
      plan.result.push_back(1);
      continue;
    }
    const bool shrink = bit(attributes.shrink_axis_mask, i);
    AxisRange range =
        resolve(x.shape[axis], begins[i], ends[i], strides[i], bit(attributes.begin_mask, i),
                bit(attributes.end_mask, i), shrink, attributes.offset);
    range.entry = static_cast<int>(i);
    range.masked = bit(attributes.begin_mask, i);
    if (plan.at_run_time) {
      const auto at = static_cast<int>(plan.result.size());
      range.count = shrink ? 1 : at < y.shape.rank() ? y.shape[at] : 0;
    }
    if (shrink && range.count != 1) {
      fail(ErrorKind::bad_file, "index {} is outside of axis {} of shape {}", begins[i], axis,
           to_string(x.shape));
    }
    if (!shrink) plan.result.push_back(range.count);
    plan.axes.push_back(range);
    ++axis;
  }
  while (axis < rank) take_whole();
  return plan;
}

/// The start of an axis whose begin is known only now, moved so that all `count` elements exist.
int64_t run_time_start(const AxisRange& range, int64_t size, int64_t begin) {
  int64_t start = begin < 0 ? begin + size : begin;
  if (range.masked) start = range.stride > 0 ? 0 : size - 1;
  const int64_t reach = (range.count - 1) * range.stride;
  const int64_t low = reach < 0 ? -reach : 0, high = reach < 0 ? size - 1 : size - 1 - reach;
  return high < low ? 0 : std::clamp(start, low, high);
}

}  // namespace

Kernel prepare_strided_slice(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  const SlicePlan plan = plan_strided_slice(args);
  if (y.shape.dims() != std::vector<int32_t>(plan.result.begin(), plan.result.end())) {
    fail(ErrorKind::bad_file, "{} has shape {}, which is not what the slice of {} gives", y.name,
         to_string(y.shape), to_string(x.shape));
  }
  const std::vector<int64_t> strides = dense_strides(x.shape);
  std::vector<int64_t> size, stride;
  int64_t base = 0;
  for (size_t a = 0; a < plan.axes.size(); ++a) {
    const AxisRange& range = plan.axes[a];
    const int64_t in = x.shape[static_cast<int>(a)];
    if (plan.at_run_time && range.count > 0 && (range.count - 1) * std::abs(range.stride) >= in) {
      fail(ErrorKind::bad_file, "{} elements with stride {} do not fit axis {} of shape {}",
           range.count, range.stride, a, to_string(x.shape));
    }
    size.push_back(range.count);
    stride.push_back(strides[a] * range.stride);
    base += range.begin * strides[a];
  }
  const StridedCopy copy = StridedCopy::make(size, stride, base, element_bytes(x));
  if (!plan.at_run_time) return strided_copy_kernel(copy);
  const RunInts begins = run_ints(args, 1, args.input(1).shape.elements());
  return {[copy, begins, axes = plan.axes, strides, sizes = x.shape.dims()](const InvokeArgs& run) {
    int64_t from = 0;
    for (size_t a = 0; a < axes.size(); ++a) {
      if (axes[a].entry < 0) continue;
      const int64_t begin = begins.at(run, static_cast<size_t>(axes[a].entry));
      from += run_time_start(axes[a], sizes[a], begin) * strides[a];
    }
    copy.run(run.inputs[0], run.outputs[0], from);
  }};
}

Kernel prepare_slice(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  const int rank = x.shape.rank();
  require_rank(y, rank, rank);
  const RunInts begins = run_ints(args, 1, rank);
  const bool known = args.input(1).constant != nullptr;
  const std::vector<int64_t> begin =
      known ? constant_ints(args.input(1)) : std::vector<int64_t>(static_cast<size_t>(rank), 0);
  const std::vector<int64_t> strides = dense_strides(x.shape);
  std::vector<int64_t> size;
  int64_t base = 0;
  for (int i = 0; i < rank; ++i) {
    const auto a = static_cast<size_t>(i);
    if (begin[a] < 0 || begin[a] > x.shape[i] || y.shape[i] > x.shape[i] - begin[a]) {
      fail(ErrorKind::bad_file, "{} elements from {} on leave axis {} of shape {}", y.shape[i],
           begin[a], i, to_string(x.shape));
    }
    size.push_back(y.shape[i]);
    base += begin[a] * strides[a];
  }
  const StridedCopy copy = StridedCopy::make(size, strides, base, element_bytes(x));
  if (known) return strided_copy_kernel(copy);
  std::vector<int64_t> room;
  for (int i = 0; i < rank; ++i) room.push_back(x.shape[i] - y.shape[i]);
  return {[copy, begins, strides, room](const InvokeArgs& run) {
    int64_t from = 0;
    for (size_t a = 0; a < room.size(); ++a) {
      from += std::clamp<int64_t>(begins.at(run, a), 0, room[a]) * strides[a];
    }
    copy.run(run.inputs[0], run.outputs[0], from);
  }};
}

Kernel prepare_dynamic_update_slice(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& update = args.input(1);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_same_type(x, update);
  require_same_shape(x, y);
  const int rank = x.shape.rank();
  require_rank(x, 0, kMaxRank);
  require_rank(update, rank, rank);
  const RunInts starts = run_ints(args, 2, rank);
  const int64_t element = element_bytes(x);
  std::vector<int64_t> room, sizes;
  for (int i = 0; i < rank; ++i) {
    if (update.shape[i] > x.shape[i]) {
      fail(ErrorKind::bad_file, "{} of shape {} is larger than {}", update.name,
           to_string(update.shape), to_string(x.shape));
    }
    room.push_back(x.shape[i] - update.shape[i]);
    sizes.push_back(update.shape[i]);
  }
  const int64_t row = rank > 0 ? sizes.back() * element : element;
  const int64_t rows = update.shape.elements() == 0 ? 0 : update.shape.elements() * element / row;
  const int64_t bytes = x.shape.elements() * element;
  return {[=, strides = dense_strides(x.shape)](const InvokeArgs& run) {
    auto* to = run.out<uint8_t>();
    if (run.outputs[0] != run.inputs[0] && bytes > 0) {
      std::memcpy(to, run.inputs[0], static_cast<size_t>(bytes));
    }
    const auto* from = run.in<uint8_t>(1);
    for (size_t a = 0; a < room.size(); ++a) {
      to += std::clamp<int64_t>(starts.at(run, a), 0, room[a]) * strides[a] * element;
    }
    std::array<int64_t, kMaxRank> at{};
    for (int64_t r = 0; r < rows; ++r, from += row) {
      std::memcpy(to, from, static_cast<size_t>(row));
      for (int axis = static_cast<int>(room.size()) - 2; axis >= 0; --axis) {
        const auto a = static_cast<size_t>(axis);
        to += strides[a] * element;
        if (++at[a] < sizes[a]) break;
        to -= strides[a] * element * sizes[a];
        at[a] = 0;
      }
    }
  }};
}

}  // namespace smelt
