#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

Results import_dropout(const Layer& layer) {
  const float rate = layer.config.number("rate", layer.config.number("p", 0));
  if (rate < 0 || rate > 1) fail(ErrorKind::bad_file, "\"rate\" is {}, not in [0, 1]", rate);
  return layer.graph.op(OpType::dropout, {layer.input()}, DropoutAttributes{.rate = rate},
                        layer.graph.shape(layer.input()));
}

/// Noise and penalties act in training only, and training form has no op for them.
Results import_identity(const Layer& layer) { return layer.input(); }

Results import_activation(const Layer& layer) {
  layer.config.at("activation");
  return apply_activation(layer, layer.input());
}

/// x [...] -> [..., output_dim]: rows of a table.
Results import_embedding(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const Shape rows({layer.config.integer("input_dim"), layer.config.integer("output_dim")});
  const TensorId table = plain_weight(layer, {"embeddings"}, 0, rows, rows);
  TensorId x = layer.input();
  if (graph.type(x) != DataType::int64) x = cast(graph, x, DataType::int32);
  std::vector<int32_t> dims = graph.shape(x).dims();
  dims.push_back(rows[1]);
  return graph.op(OpType::gather, {table, x}, GatherAttributes{}, Shape(std::move(dims)));
}

constexpr TableRow kRows[] = {
    {"Dropout", import_dropout},
    {"SpatialDropout1D", import_dropout},
    {"SpatialDropout2D", import_dropout},
    {"SpatialDropout3D", import_dropout},
    {"GaussianDropout", import_identity},
    {"GaussianNoise", import_identity},
    {"AlphaDropout", import_identity},
    {"ActivityRegularization", import_identity},
    {"Identity", import_identity},
    {"InputLayer", import_identity},
    {"Activation", import_activation},
    {.class_name = "Embedding", .import = import_embedding, .any_type = true},
};

}  // namespace

std::span<const TableRow> core_layers() { return kRows; }

}  // namespace smelt::keras
