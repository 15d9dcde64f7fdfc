#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// Keras 2 writes the axis as a list of one.
int read_axis(const Layer& layer, int rank) {
  const Json* axis = layer.config.find("axis");
  if (axis == nullptr) return rank - 1;
  if (axis->is_array() && axis->size() != 1) {
    fail(ErrorKind::unsupported, "normalizing over {} axes is not supported", axis->size());
  }
  return normalized_axis(
      as_integer(axis->is_array() ? (*axis)[0] : *axis, -kMaxSize, kMaxSize, "\"axis\""), rank);
}

/// Weights in the order of the file: gamma, beta (where they exist), mean, variance.
Results import_batch_normalization(const Layer& layer) {
  const Shape shape = layer.graph.shape(layer.input());
  const int axis = read_axis(layer, shape.rank());
  if (axis != shape.rank() - 1) {
    fail(ErrorKind::unsupported, "normalizing axis {} of {}, not the last one, is not supported",
         axis, shape.rank());
  }
  if (layer.config.boolean("renorm", false)) {
    fail(ErrorKind::unsupported, "batch renormalization is not supported");
  }
  const float epsilon = layer.config.number("epsilon", 1e-3f);
  if (epsilon < 0) fail(ErrorKind::bad_file, "\"epsilon\" is negative");
  const int32_t channels = shape.back();
  size_t position = 0;
  const auto optional = [&](std::string_view setting, std::string_view role) {
    if (!layer.config.boolean(setting, true)) return TensorId::none;
    return vector_weight(layer, {role}, position++, channels);
  };
  const TensorId gamma = optional("scale", "gamma");
  const TensorId beta = optional("center", "beta");
  const TensorId mean = vector_weight(layer, {"moving_mean"}, position++, channels);
  const TensorId variance = vector_weight(layer, {"moving_variance"}, position++, channels);
  const BatchNormalizationAttributes attributes{
      .epsilon = epsilon, .momentum = layer.config.number("momentum", 0.99f), .axis = -1};
  return layer.graph.op(OpType::batch_normalization, {layer.input(), gamma, beta, mean, variance},
                        attributes, shape);
}

constexpr TableRow kRows[] = {
    {"BatchNormalization", import_batch_normalization},
    {"BatchNormalizationV1", import_batch_normalization},
    {"SyncBatchNormalization", import_batch_normalization},
};

}  // namespace

std::span<const TableRow> normalization_layers() { return kRows; }

}  // namespace smelt::keras
