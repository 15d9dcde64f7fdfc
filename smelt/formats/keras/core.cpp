#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// x [..., I] -> [..., units]; kernel [I, units] in the file, [units, I] in the graph.
Results import_dense(const Layer& layer) {
  Shape shape = layer.graph.shape(layer.input());
  if (shape.rank() < 2) fail(ErrorKind::bad_file, "its input {} is a scalar", to_string(shape));
  const int32_t in = shape.back();
  const int32_t units = layer.config.integer("units");
  const TensorId kernel = transposed_weight(layer, {"kernel"}, 0, {in, units}, {units, in});
  const TensorId bias = layer.config.boolean("use_bias", true)
                            ? vector_weight(layer, {"bias"}, 1, units)
                            : TensorId::none;
  FullyConnectedAttributes attributes;
  attributes.keep_num_dims = shape.rank() > 2;
  shape[shape.rank() - 1] = units;
  const TensorId y =
      layer.graph.op(OpType::fully_connected, {layer.input(), kernel, bias}, attributes, shape);
  return apply_activation(layer, y);
}

Results import_dropout(const Layer& layer) {
  const float rate = layer.config.number("rate", 0);
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

constexpr TableRow kRows[] = {
    {"Dense", import_dense},
    {"Dropout", import_dropout},
    {"SpatialDropout1D", import_dropout},
    {"SpatialDropout2D", import_dropout},
    {"GaussianDropout", import_identity},
    {"GaussianNoise", import_identity},
    {"AlphaDropout", import_identity},
    {"ActivityRegularization", import_identity},
    {"InputLayer", import_identity},
    {"Activation", import_activation},
};

}  // namespace

std::span<const TableRow> core_layers() { return kRows; }

}  // namespace smelt::keras
