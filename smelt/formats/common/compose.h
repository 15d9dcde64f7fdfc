#pragma once

#include <array>
#include <vector>

#include "smelt/formats/common/graph_writer.h"

namespace smelt {

/// Ops as importers write them again and again; axes count from the front, the batch is axis 0.

/// A constant of float32 values.
TensorId floats(GraphWriter& graph, const std::string& role, const std::vector<float>& values,
                Shape shape);

/// `sample` is the new shape without the first axis, which takes what is left over.
/// bad_file where the elements do not come out even.
TensorId reshape(GraphWriter& graph, TensorId x, const std::vector<int32_t>& sample);

/// Axis i of the result is axis order[i] of x; x itself where nothing moves.
TensorId transpose(GraphWriter& graph, TensorId x, const std::vector<int32_t>& order);

/// x with axis `from` at place `to`, the others in their order.
TensorId move_axis(GraphWriter& graph, TensorId x, int from, int to);

/// MEAN, SUM, REDUCE_MAX ... over `axes`.
TensorId reduce(GraphWriter& graph, OpType type, TensorId x, const std::vector<int32_t>& axes,
                bool keep_dims);

/// Cells in front of and behind each axis.
using Sides = std::vector<std::array<int32_t, 2>>;

/// Zeros around x; x itself where there are none.
TensorId pad(GraphWriter& graph, TensorId x, const Sides& sides);

/// Drops so many cells at both sides of each axis; x itself where there are none.
/// bad_file where nothing is left.
TensorId crop(GraphWriter& graph, TensorId x, const Sides& sides);

/// Cells [begin, end) of one axis.
TensorId slice(GraphWriter& graph, TensorId x, int axis, int32_t begin, int32_t end);

TensorId concatenate(GraphWriter& graph, const std::vector<TensorId>& parts, int axis);

/// Over the last axis.
TensorId softmax(GraphWriter& graph, TensorId x);
/// Over any one.
TensorId softmax(GraphWriter& graph, TensorId x, int axis);

/// LESS, GREATER, EQUAL ...: booleans.
TensorId compare(GraphWriter& graph, OpType type, TensorId x, TensorId y);

/// x itself where it has the type.
TensorId cast(GraphWriter& graph, TensorId x, DataType type);

/// condition ? x : y, all broadcast.
TensorId select(GraphWriter& graph, TensorId condition, TensorId x, TensorId y);

/// x [..., M,K] times y [..., K,N], leading axes broadcast; `transpose_y`: y is [..., N,K].
TensorId matmul(GraphWriter& graph, TensorId x, TensorId y, bool transpose_y = false);

/// x [N,H,W,C] -> [N,h,w,C]; OpType::resize_bilinear or resize_nearest_neighbor.
TensorId resize(GraphWriter& graph, OpType type, TensorId x, int32_t h, int32_t w,
                bool half_pixel_centers);

/// rsqrt(x + epsilon).
TensorId inverse_root(GraphWriter& graph, TensorId x, float epsilon);

}  // namespace smelt
