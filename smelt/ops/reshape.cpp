#include <algorithm>

#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// The shape asked for: operand 1 where it is a vector, else the attribute. TFLite's legacy
/// attribute [0] means a scalar (reshape.cc, GetOutputShape).
std::optional<std::vector<int64_t>> wanted_shape(const ShapeContext& context) {
  if (context.has(1) && context.shape(1).rank() == 1) return context.values(1);
  const auto& attribute = context.op.as<ReshapeAttributes>().new_shape;
  if (!attribute) return std::nullopt;
  if (*attribute == std::vector<int32_t>{0}) return std::vector<int64_t>{};
  return std::vector<int64_t>(attribute->begin(), attribute->end());
}

void infer_reshape(ShapeContext& context) {
  const int64_t elements = context.shape(0).elements();
  std::optional<std::vector<int64_t>> dims = wanted_shape(context);
  if (!dims) {
    if (!recorded_holds(context, 0, elements)) {
      fail(ErrorKind::unsupported, "the shape of its result depends on data");
    }
    return;
  }
  int64_t* stretched = nullptr;
  int64_t product = 1;
  for (int64_t& size : *dims) {
    if (size == -1 && stretched == nullptr) {
      stretched = &size;
      continue;
    }
    if (size < 0) fail(ErrorKind::bad_file, "reshapes to an axis of size {}", size);
    if (__builtin_mul_overflow(product, size, &product)) {
      fail(ErrorKind::bad_file, "reshapes to more elements than can be counted");
    }
  }
  if (stretched != nullptr) *stretched = product > 0 ? elements / product : 0;
  const Shape y = checked_shape(*dims);
  if (y.elements() != elements) {
    fail(ErrorKind::bad_file, "reshapes {} to {}", to_string(context.shape(0)), to_string(y));
  }
  context.set_output(0, y);
}

void infer_squeeze(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const auto& axes = context.op.as<SqueezeAttributes>().axes;
  std::vector<bool> removed(static_cast<size_t>(x.rank()), false);
  for (const int32_t axis : axes) {
    const int i = normalized_axis(axis, x.rank());
    if (x[i] != 1) fail(ErrorKind::bad_file, "removes axis {} of {}", axis, to_string(x));
    removed[static_cast<size_t>(i)] = true;
  }
  std::vector<int32_t> dims;
  for (int i = 0; i < x.rank(); ++i) {
    const bool remove = axes.empty() ? x[i] == 1 : removed[static_cast<size_t>(i)];
    if (!remove) dims.push_back(x[i]);
  }
  context.set_output(0, Shape(std::move(dims)));
}

void infer_expand_dims(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const int axis = normalized_axis(scalar_value(context, 1), x.rank() + 1);
  std::vector<int32_t> dims = x.dims();
  dims.insert(dims.begin() + axis, 1);
  context.set_output(0, Shape(std::move(dims)));
}

}  // namespace

void define_reshape(OpTable& table) {
  table[OpType::reshape] = row(1, 2, infer_reshape, same_scale());
  table[OpType::squeeze] = row(1, 1, infer_squeeze, same_scale());
  table[OpType::expand_dims] = row(2, 2, infer_expand_dims, same_scale());
  table[OpType::bitcast] = row(1, 1, nullptr, float_only(kNotNumbers));
}

}  // namespace smelt
