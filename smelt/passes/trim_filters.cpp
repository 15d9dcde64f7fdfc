// Pattern   CONV_2D or DEPTHWISE_CONV_2D with SAME padding over an image so small that the outer
//           cells of the filter never see anything but padding
// Result    the same with a smaller filter
// Before    the size of the image is fixed, nobody else reads the weights, and SAME padding gives
//           the smaller filter the same windows

#include "smelt/ops/op_def.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

struct Axis {
  int32_t size, output, filter, stride, dilation;
};

/// Cells [begin, end) of a filter.
struct Cells {
  int32_t begin = 0, end = 0;
  int32_t count() const { return end - begin; }
};

bool sees_image(const Axis& a, int64_t front, int32_t cell) {
  for (int64_t o = 0; o < a.output; ++o) {
    const int64_t at = o * a.stride - front + int64_t{cell} * a.dilation;
    if (at >= 0 && at < a.size) return true;
  }
  return false;
}

/// The cells that ever lie inside of the image, or all where SAME padding would move the rest.
Cells used_cells(const Axis& a) {
  const Cells all{0, a.filter};
  const int64_t front = window_padding(a.size, a.filter, a.stride, a.dilation, a.output);
  Cells used = all;
  while (used.count() > 1 && !sees_image(a, front, used.begin)) ++used.begin;
  while (used.count() > 1 && !sees_image(a, front, used.end - 1)) --used.end;
  const bool same_windows =
      window_output_size(Padding::same, a.size, used.count(), a.stride, a.dilation) == a.output &&
      window_padding(a.size, used.count(), a.stride, a.dilation, a.output) ==
          front - int64_t{used.begin} * a.dilation;
  return same_windows ? used : all;
}

/// w [A,kh,kw,B] of those cells.
std::vector<float> cut(std::span<const float> w, const Shape& shape, const Cells& rows,
                       const Cells& columns) {
  std::vector<float> values;
  const int64_t depth = shape[3];
  for (int64_t a = 0; a < shape[0]; ++a) {
    for (int64_t ky = rows.begin; ky < rows.end; ++ky) {
      const auto from = w.begin() + ((a * shape[1] + ky) * shape[2] + columns.begin) * depth;
      values.insert(values.end(), from, from + columns.count() * depth);
    }
  }
  return values;
}

bool has_fixed_size(const Tensor& x) {
  return x.shape.rank() == 4 &&
         (!x.shape_signature || ((*x.shape_signature)[1] > 0 && (*x.shape_signature)[2] > 0));
}

template <class A>
bool trim(Graph& graph, OpId id, const A& attributes) {
  const Op& op = graph.op(id);
  const auto w = float_constant(graph, op, 1);
  if (attributes.padding != Padding::same || !w || !op.input(0) || op.outputs.size() != 1) {
    return false;
  }
  const Tensor& x = graph.tensor(op.input(0));
  const Shape& y = graph.tensor(op.output()).shape;
  const Shape shape = graph.tensor(op.input(1)).shape;
  if (!has_fixed_size(x) || shape.rank() != 4 || y.rank() != 4) return false;
  if (graph.consumers(op.input(1)).size() != 1) return false;
  const Cells rows =
      used_cells({x.shape[1], y[1], shape[1], attributes.stride_h, attributes.dilation_h});
  const Cells columns =
      used_cells({x.shape[2], y[2], shape[2], attributes.stride_w, attributes.dilation_w});
  if (rows.count() == shape[1] && columns.count() == shape[2]) return false;
  const std::vector<float> values = cut(*w, shape, rows, columns);
  set_float_operand(graph, id, 1, {shape[0], rows.count(), columns.count(), shape[3]}, values, "w");
  return true;
}

}  // namespace

int trim_filters(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    const Attributes attributes = graph.op(id).attributes;
    if (const auto* conv = std::get_if<Conv2DAttributes>(&attributes)) {
      rewrites += trim(graph, id, *conv);
    } else if (const auto* depthwise = std::get_if<DepthwiseConv2DAttributes>(&attributes)) {
      rewrites += trim(graph, id, *depthwise);
    }
  }
  return rewrites;
}

}  // namespace smelt
