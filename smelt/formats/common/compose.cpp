#include "smelt/formats/common/compose.h"

#include <algorithm>
#include <numeric>

namespace smelt {
namespace {

bool all_zero(const Sides& sides) {
  return std::all_of(sides.begin(), sides.end(),
                     [](const auto& side) { return side[0] == 0 && side[1] == 0; });
}

int32_t checked_size(int64_t size, std::string_view what) {
  constexpr int64_t kMaxAxis = 1 << 30;
  if (size < 1 || size > kMaxAxis) fail(ErrorKind::bad_file, "{} would have {} cells", what, size);
  return static_cast<int32_t>(size);
}

}  // namespace

TensorId floats(GraphWriter& graph, const std::string& role, const std::vector<float>& values,
                Shape shape) {
  return graph.constant(
      Tensor::constant(fmt::format("{}/{}", graph.origin(), role), std::move(shape), values));
}

TensorId reshape(GraphWriter& graph, TensorId x, const std::vector<int32_t>& sample) {
  const int64_t total = graph.shape(x).elements();
  int64_t size = 1;
  for (const int32_t dim : sample) {
    size *= checked_size(dim, "an axis");
    if (size > total) break;
  }
  if (size > total || total % size != 0) {
    fail(ErrorKind::bad_file, "{} cannot be reshaped to {}", to_string(graph.shape(x)),
         to_string(Shape(sample)));
  }
  std::vector<int32_t> target{Shape::kUnknown};
  target.insert(target.end(), sample.begin(), sample.end());
  Shape shape(target);
  shape[0] = static_cast<int32_t>(total / size);
  const TensorId operand = graph.ints("shape", target, {static_cast<int32_t>(target.size())});
  return graph.op(OpType::reshape, {x, operand}, ReshapeAttributes{.new_shape = target}, shape,
                  graph.type(x));
}

TensorId transpose(GraphWriter& graph, TensorId x, const std::vector<int32_t>& order) {
  if (std::is_sorted(order.begin(), order.end())) return x;
  const Shape shape = graph.shape(x);
  std::vector<int32_t> dims;
  for (const int32_t axis : order) dims.push_back(shape[axis]);
  const TensorId operand = graph.ints("order", order, {shape.rank()});
  return graph.op(OpType::transpose, {x, operand}, NoAttributes{}, Shape(std::move(dims)),
                  graph.type(x));
}

TensorId move_axis(GraphWriter& graph, TensorId x, int from, int to) {
  std::vector<int32_t> order(static_cast<size_t>(graph.shape(x).rank()));
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + from);
  order.insert(order.begin() + to, from);
  return transpose(graph, x, order);
}

TensorId reduce(GraphWriter& graph, OpType type, TensorId x, const std::vector<int32_t>& axes,
                bool keep_dims) {
  const Shape shape = graph.shape(x);
  std::vector<int32_t> dims;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!gone) dims.push_back(shape[i]);
    if (gone && keep_dims) dims.push_back(1);
  }
  const TensorId operand = graph.ints("axes", axes, {static_cast<int32_t>(axes.size())});
  return graph.op(type, {x, operand}, ReduceAttributes{.keep_dims = keep_dims},
                  Shape(std::move(dims)), graph.type(x));
}

TensorId pad(GraphWriter& graph, TensorId x, const Sides& sides) {
  if (all_zero(sides)) return x;
  Shape shape = graph.shape(x);
  std::vector<int32_t> amounts;
  for (int i = 0; i < shape.rank(); ++i) {
    const auto& side = sides[static_cast<size_t>(i)];
    shape[i] = checked_size(int64_t{shape[i]} + side[0] + side[1], "its padded input");
    amounts.insert(amounts.end(), side.begin(), side.end());
  }
  const TensorId operand = graph.ints("paddings", amounts, {shape.rank(), 2});
  return graph.op(OpType::pad, {x, operand}, NoAttributes{}, shape, graph.type(x));
}

TensorId crop(GraphWriter& graph, TensorId x, const Sides& sides) {
  if (all_zero(sides)) return x;
  Shape shape = graph.shape(x);
  std::vector<int32_t> begin, end;
  StridedSliceAttributes attributes;
  for (int i = 0; i < shape.rank(); ++i) {
    const auto& [front, back] = sides[static_cast<size_t>(i)];
    const int32_t stop = checked_size(int64_t{shape[i]} - back, "its cropped input");
    shape[i] = checked_size(int64_t{stop} - front, "its cropped input");
    begin.push_back(front);
    end.push_back(back == 0 ? 0 : stop);
    // Masked sides leave whatever the axis holds, the batch above all.
    if (front == 0) attributes.begin_mask |= 1 << i;
    if (back == 0) attributes.end_mask |= 1 << i;
  }
  const Shape operand({shape.rank()});
  return graph.op(OpType::strided_slice,
                  {x, graph.ints("begin", begin, operand), graph.ints("end", end, operand),
                   graph.ints("strides", std::vector<int32_t>(begin.size(), 1), operand)},
                  attributes, shape, graph.type(x));
}

TensorId slice(GraphWriter& graph, TensorId x, int axis, int32_t begin, int32_t end) {
  const Shape& shape = graph.shape(x);
  Sides sides(static_cast<size_t>(shape.rank()));
  sides[static_cast<size_t>(axis)] = {begin, shape[axis] - end};
  return crop(graph, x, sides);
}

TensorId concatenate(GraphWriter& graph, const std::vector<TensorId>& parts, int axis) {
  if (parts.size() == 1) return parts.front();
  Shape shape = graph.shape(parts.front());
  int64_t total = 0;
  for (const TensorId part : parts) total += graph.shape(part)[axis];
  shape[axis] = checked_size(total, "its output");
  return graph.op(OpType::concatenation, parts, ConcatenationAttributes{.axis = axis}, shape,
                  graph.type(parts.front()));
}

TensorId softmax(GraphWriter& graph, TensorId x) {
  const Shape shape = graph.shape(x);
  return graph.op(OpType::softmax, {x}, SoftmaxAttributes{.beta = 1}, shape);
}

TensorId softmax(GraphWriter& graph, TensorId x, int axis) {
  const int last = graph.shape(x).rank() - 1;
  std::vector<int32_t> order(static_cast<size_t>(last + 1));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<size_t>(axis)], order.back());  // its own inverse
  return transpose(graph, softmax(graph, transpose(graph, x, order)), order);
}

TensorId compare(GraphWriter& graph, OpType type, TensorId x, TensorId y) {
  return graph.op(type, {x, y}, NoAttributes{}, broadcast(graph.shape(x), graph.shape(y)),
                  DataType::boolean);
}

TensorId cast(GraphWriter& graph, TensorId x, DataType type) {
  if (graph.type(x) == type) return x;
  const Shape shape = graph.shape(x);
  return graph.op(OpType::cast, {x}, CastAttributes{.in_type = graph.type(x), .out_type = type},
                  shape, type);
}

TensorId select(GraphWriter& graph, TensorId condition, TensorId x, TensorId y) {
  const Shape shape = broadcast(graph.shape(condition), broadcast(graph.shape(x), graph.shape(y)));
  return graph.op(OpType::select_v2, {condition, x, y}, NoAttributes{}, shape, graph.type(x));
}

TensorId matmul(GraphWriter& graph, TensorId x, TensorId y, bool transpose_y) {
  const std::vector<int32_t>& a = graph.shape(x).dims();
  const std::vector<int32_t>& b = graph.shape(y).dims();
  if (a.size() < 2 || b.size() < 2 || a.back() != b[b.size() - (transpose_y ? 1 : 2)]) {
    fail(ErrorKind::bad_file, "{} cannot be multiplied by {}{}", to_string(graph.shape(x)),
         to_string(graph.shape(y)), transpose_y ? ", transposed" : "");
  }
  const Shape leading = broadcast(Shape(std::vector<int32_t>(a.begin(), a.end() - 2)),
                                  Shape(std::vector<int32_t>(b.begin(), b.end() - 2)));
  std::vector<int32_t> dims = leading.dims();
  dims.push_back(a[a.size() - 2]);
  dims.push_back(b[b.size() - (transpose_y ? 2 : 1)]);
  return graph.op(OpType::batch_matmul, {x, y}, BatchMatMulAttributes{.adj_y = transpose_y},
                  Shape(std::move(dims)));
}

TensorId resize(GraphWriter& graph, OpType type, TensorId x, int32_t h, int32_t w,
                bool half_pixel_centers) {
  Shape shape = graph.shape(x);
  shape[1] = h;
  shape[2] = w;
  return graph.op(type, {x, graph.ints("size", {h, w}, {2})},
                  ResizeAttributes{.half_pixel_centers = half_pixel_centers}, shape, graph.type(x));
}

TensorId inverse_root(GraphWriter& graph, TensorId x, float epsilon) {
  return graph.unary(OpType::rsqrt, graph.binary(OpType::add, x, epsilon));
}

}  // namespace smelt
