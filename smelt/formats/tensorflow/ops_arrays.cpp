#include "smelt/formats/tensorflow/node.h"

// Searches, sorting, scattering, matrices.

namespace smelt::tensorflow {
namespace {

Values import_one_hot(const Node& node) {
  const OneHotAttributes attributes{.axis =
                                        static_cast<int32_t>(node.attributes.integer("axis", -1))};
  return {node.graph.op(OpType::one_hot,
                        {node.input(0), node.as_int32(1), node.input(2), node.input(3)}, attributes,
                        node.type(2))};
}

Values import_top_k(const Node& node) {
  const TensorId k =
      node.count() > 1 ? node.as_int32(1)
                       : node.graph.integer(static_cast<int32_t>(node.attributes.integer("k", 1)));
  const std::vector<TensorId> results = node.graph.ops(
      OpType::topk_v2, {node.input(0), k}, NoAttributes{}, {node.type(0), DataType::int32});
  return {results.begin(), results.end()};
}

Values import_scatter_nd(const Node& node) {
  return {node.graph.op(OpType::scatter_nd, {node.as_int32(0), node.input(1), node.as_int32(2)},
                        NoAttributes{}, node.type(1))};
}

Values import_matrix_diag(const Node& node) {
  return {node.graph.op(OpType::matrix_diag, {node.input(0)})};
}

/// Keeps so many diagonals below and above the main one; all of them for -1.
Values import_band(const Node& node) {
  Builder& graph = node.graph;
  const int64_t below = node.integer(1, "the number of diagonals");
  const int64_t above = node.integer(2, "the number of diagonals");
  const TensorId x = node.input(0);
  const Shape& shape = graph.shape(x);
  if (shape.rank() < 2) fail(ErrorKind::bad_file, "its input has shape {}", to_string(shape));
  const int32_t rows = shape[shape.rank() - 2];
  const int32_t columns = shape.back();
  if (Shape({rows, columns}).elements() > (1 << 24)) {
    fail(ErrorKind::unsupported, "matrices {} are too large", to_string(shape));
  }
  std::vector<float> mask;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const bool kept = (below < 0 || r - c <= below) && (above < 0 || c - r <= above);
      mask.push_back(kept ? 1.0f : 0.0f);
    }
  }
  const TensorId table = graph.constant(Tensor::constant(node.def.name(), {rows, columns}, mask));
  if (graph.type(x) == DataType::boolean) {
    return {graph.op(OpType::logical_and, {x, graph.cast(table, DataType::boolean)})};
  }
  return {graph.op(OpType::mul, {x, graph.cast(table, graph.type(x))})};
}

Values import_bucketize(const Node& node) {
  return {node.graph.op(OpType::bucketize, {node.input(0)},
                        BucketizeAttributes{.boundaries = node.attributes.floats("boundaries")},
                        DataType::int32)};
}

Values import_segment_sum(const Node& node) {
  return {node.graph.op(OpType::segment_sum, {node.input(0), node.as_int32(1)})};
}

Values import_rfft_magnitude(const Node& node) {
  return {node.graph.op(OpType::complex_abs, {node.input(0)}, NoAttributes{}, DataType::float32)};
}

template <OpType kType>
Values import_part(const Node& node) {
  return {node.graph.op(kType, {node.input(0)}, NoAttributes{}, DataType::float32)};
}

/// RFFT over the last axis as RFFT2D over one row more.
Values import_rfft(const Node& node) {
  Builder& graph = node.graph;
  const int64_t length = node.integer(1, "the length");
  if (length < 1 || length > (1 << 24)) fail(ErrorKind::bad_file, "its length is {}", length);
  const TensorId x = node.input(0);
  std::vector<int64_t> dims(graph.shape(x).dims().begin(), graph.shape(x).dims().end());
  std::vector<int64_t> probe(graph.probe(x).shape.dims().begin(),
                             graph.probe(x).shape.dims().end());
  if (dims.empty()) fail(ErrorKind::bad_file, "its input is a scalar");
  dims.insert(dims.end() - 1, 1);
  probe.insert(probe.end() - 1, 1);
  const TensorId row = graph.reshape(x, dims, probe);
  const TensorId y = graph.op(OpType::rfft2d, {row, graph.ints({1, static_cast<int32_t>(length)})},
                              NoAttributes{}, DataType::complex64);
  std::vector<int64_t> out(graph.shape(y).dims().begin(), graph.shape(y).dims().end());
  std::vector<int64_t> out_probe(graph.probe(y).shape.dims().begin(),
                                 graph.probe(y).shape.dims().end());
  out.erase(out.end() - 2);
  out_probe.erase(out_probe.end() - 2);
  return {graph.reshape(y, out, out_probe)};
}

Values import_rfft2d(const Node& node) {
  return {node.graph.op(OpType::rfft2d, {node.input(0), node.as_int32(1)}, NoAttributes{},
                        DataType::complex64)};
}

constexpr OpRow kRows[] = {
    {"OneHot", import_one_hot},
    {"TopK", import_top_k},
    {"TopKV2", import_top_k},
    {"ScatterNd", import_scatter_nd},
    {"MatrixDiag", import_matrix_diag},
    {"MatrixBandPart", import_band},
    {"Bucketize", import_bucketize},
    {"SegmentSum", import_segment_sum},
    {"ComplexAbs", import_rfft_magnitude},
    {"Real", import_part<OpType::real>},
    {"Imag", import_part<OpType::imag>},
    {"RFFT", import_rfft},
    {"RFFT2D", import_rfft2d},
};

}  // namespace

std::span<const OpRow> array_ops() { return kRows; }

}  // namespace smelt::tensorflow
