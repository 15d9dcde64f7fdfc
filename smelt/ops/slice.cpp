#include <algorithm>
#include <limits>

#include "smelt/ops/families.h"
#include "smelt/ops/slice_spec.h"

namespace smelt {
namespace {

bool bit(int32_t mask, size_t i) { return i < 32 && ((static_cast<uint32_t>(mask) >> i) & 1u); }

int64_t wrapped(int64_t position, int64_t size) {
  return position < 0 ? position + size : position;
}

/// One entry of a strided slice over an axis of `size`.
AxisSlice resolve(int64_t begin, int64_t end, int64_t stride, bool all_begin, bool all_end,
                  bool shrink, int64_t size) {
  if (stride == 0) fail(ErrorKind::bad_file, "stride is 0");
  if (shrink) {
    const int64_t position = all_begin ? 0 : wrapped(begin, size);
    if (position < 0 || position >= size) {
      fail(ErrorKind::bad_file, "position {} of an axis of size {}", begin, size);
    }
    return {.begin = position, .stride = 1, .count = 1};
  }
  const int64_t low = stride > 0 ? 0 : -1;
  const int64_t high = stride > 0 ? size : size - 1;
  const int64_t first = all_begin ? (stride > 0 ? low : high)
                                  : std::clamp(wrapped(begin, size), low, std::max(low, high));
  const int64_t last = all_end ? (stride > 0 ? high : low)
                               : std::clamp(wrapped(end, size), low, std::max(low, high));
  const int64_t span = stride > 0 ? last - first : first - last;
  const int64_t step = stride > 0 ? stride : -stride;
  return {.begin = first, .stride = stride, .count = span <= 0 ? 0 : (span - 1) / step + 1};
}

void infer_slice(ShapeContext& context) {
  if (!context.input(1).data) {
    // Where a slice of fixed size begins does not matter to its shape.
    const std::vector<int64_t>& size = context.values(2);
    if (std::count(size.begin(), size.end(), -1) == 0) {
      const std::vector<int64_t> begin(size.size(), 0);
      context.set_output(0, slice_spec(context.shape(0), begin, size).output);
      return;
    }
  }
  context.set_output(0, slice_spec(context.shape(0), context.values(1), context.values(2)).output);
}

/// True where every entry takes one position or a whole axis, wherever that is.
bool fixed_size(const StridedSliceAttributes& a, size_t entries) {
  for (size_t i = 0; i < entries; ++i) {
    const bool whole = bit(a.begin_mask, i) && bit(a.end_mask, i);
    const bool named = !bit(a.ellipsis_mask, i) && !bit(a.new_axis_mask, i);
    if (named && !whole && !bit(a.shrink_axis_mask, i)) return false;
  }
  return true;
}

void infer_strided_slice(ShapeContext& context) {
  const auto& a = context.op.as<StridedSliceAttributes>();
  need_rank(context, 1, 1);
  const auto entries = static_cast<size_t>(context.shape(1)[0]);
  const bool known = context.input(1).data && context.input(2).data;
  if (!known && entries <= 32 && fixed_size(a, entries)) {
    const std::vector<int64_t> begin(entries, 0);
    const std::vector<int64_t> end(entries, 1);
    context.set_output(
        0, strided_slice_spec(a, context.shape(0), begin, end, context.values(3)).output);
    return;
  }
  context.set_output(0, strided_slice_spec(a, context.shape(0), context.values(1),
                                           context.values(2), context.values(3))
                            .output);
}

void check_int32(const std::vector<int64_t>& values) {
  for (const int64_t value : values) {
    // Sums of two such values stay far from overflow.
    if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
      fail(ErrorKind::bad_file, "slices at {}", value);
  }
}

}  // namespace

SliceSpec slice_spec(const Shape& input, const std::vector<int64_t>& begin,
                     const std::vector<int64_t>& size) {
  const auto rank = static_cast<size_t>(input.rank());
  if (begin.size() != rank || size.size() != rank) {
    fail(ErrorKind::bad_file, "slices {} axes of {}", begin.size(), to_string(input));
  }
  check_int32(begin);
  check_int32(size);
  SliceSpec spec;
  std::vector<int64_t> dims;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t whole = input[static_cast<int>(i)];
    const int64_t count = size[i] == -1 ? whole - begin[i] : size[i];
    if (begin[i] < 0 || count < 0 || begin[i] + count > whole) {
      fail(ErrorKind::bad_file, "takes {} cells from {} of an axis of size {}", size[i], begin[i],
           whole);
    }
    spec.axes.push_back({.begin = begin[i], .stride = 1, .count = count});
    dims.push_back(count);
  }
  spec.output = checked_shape(dims);
  return spec;
}

SliceSpec strided_slice_spec(const StridedSliceAttributes& a, const Shape& input,
                             const std::vector<int64_t>& begin, const std::vector<int64_t>& end,
                             const std::vector<int64_t>& strides) {
  const size_t entries = begin.size();
  if (end.size() != entries || strides.size() != entries || entries > 32) {
    fail(ErrorKind::bad_file, "has {} begins, {} ends and {} strides", entries, end.size(),
         strides.size());
  }
  for (const auto* values : {&begin, &end, &strides}) check_int32(*values);
  int named = 0;
  int ellipses = 0;
  for (size_t i = 0; i < entries; ++i) {
    if (bit(a.ellipsis_mask, i)) {
      ++ellipses;
    } else if (!bit(a.new_axis_mask, i)) {
      ++named;
    }
  }
  if (named > input.rank() || ellipses > 1) {
    fail(ErrorKind::bad_file, "slices {} axes of {}", named, to_string(input));
  }
  SliceSpec spec;
  std::vector<int64_t> dims;
  auto take_whole = [&](int count) {
    for (; count > 0; --count) {
      const int64_t size = input[static_cast<int>(spec.axes.size())];
      spec.axes.push_back({.begin = 0, .stride = 1, .count = size});
      dims.push_back(size);
    }
  };
  for (size_t i = 0; i < entries; ++i) {
    if (bit(a.ellipsis_mask, i)) {
      take_whole(input.rank() - named);
    } else if (bit(a.new_axis_mask, i)) {
      dims.push_back(1);
    } else {
      const bool shrink = bit(a.shrink_axis_mask, i);
      const int64_t size = input[static_cast<int>(spec.axes.size())];
      const int64_t stop = a.offset ? begin[i] + end[i] : end[i];
      spec.axes.push_back(resolve(begin[i], stop, strides[i], bit(a.begin_mask, i),
                                  bit(a.end_mask, i), shrink, size));
      if (!shrink) dims.push_back(spec.axes.back().count);
    }
  }
  take_whole(input.rank() - static_cast<int>(spec.axes.size()));
  spec.output = checked_shape(dims);
  return spec;
}

void define_slice(OpTable& table) {
  table[OpType::slice] = row(3, 3, infer_slice, same_scale());
  table[OpType::strided_slice] = row(4, 4, infer_strided_slice, same_scale());
  table[OpType::dynamic_update_slice] = row(3, 3, infer_same, same_scale());
}

}  // namespace smelt
