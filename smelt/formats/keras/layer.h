#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/base/error.h"
#include "smelt/formats/common/graph_writer.h"
#include "smelt/formats/keras/config.h"
#include "smelt/formats/keras/weights.h"

namespace smelt::keras {

/// What the import of one call of a layer sees.
struct Layer {
  std::string name;  ///< as the model spells it
  std::string class_name;
  Config config;
  std::vector<TensorId> inputs;
  GraphWriter& graph;
  int keras_version;  ///< 2 or 3

  /// Reads a weight of the layer: the constant of an earlier call of the same layer is shared.
  /// `shape` is what the file must hold; `make` turns the values into the constant's tensor.
  using MakeTensor = std::function<Tensor(std::span<const float>)>;
  std::function<TensorId(const LayerWeights::Query&, const MakeTensor&)> weight;

  /// The only input; bad_file where there are more or none.
  TensorId input() const;
  /// Its shape, which must have that rank.
  const Shape& input_shape(int rank) const;
};

/// Names of a weight across Keras versions; the first is used for the tensor.
using Roles = std::vector<std::string_view>;

/// A weight in the order of the file: `shape` there and in the graph.
TensorId plain_weight(const Layer& layer, const Roles& roles, size_t position, Shape shape,
                      const Shape& graph_shape);
/// A vector of `size` values.
TensorId vector_weight(const Layer& layer, const Roles& roles, size_t position, int32_t size);
/// A kernel whose last axis, the outputs, goes to the front: [..., O] -> `graph_shape` [O, ...].
TensorId transposed_weight(const Layer& layer, const Roles& roles, size_t position, Shape shape,
                           const Shape& graph_shape);

/// unsupported where the layer says data_format "channels_first".
void require_channels_last(const Layer& layer);

/// "same" or "valid".
Padding read_padding(const Layer& layer);

/// Positions of a window of `size` cells that stand `dilation` apart, over `in` cells.
/// bad_file where the window does not fit.
int32_t output_size(int32_t in, int32_t size, int32_t stride, int32_t dilation, Padding padding);

/// The activation that the layer's setting `key` names, behind `x`; `x` itself for linear or none.
TensorId apply_activation(const Layer& layer, TensorId x, std::string_view key = "activation");

/// What a call of a layer gives: mostly one tensor.
struct Results {
  Results(TensorId value) : values{value} {}  // NOLINT: most importers return their tensor
  explicit Results(std::vector<TensorId> many) : values(std::move(many)) {}

  std::vector<TensorId> values;
};

using ImportLayer = Results (*)(const Layer& layer);

/// The import of a class, null where Smelt has none. Families of layers are in files of their own.
ImportLayer find_importer(std::string_view class_name);

/// Rows of the table.
struct TableRow {
  std::string_view class_name;
  ImportLayer import;
};
std::span<const TableRow> activation_layers();
std::span<const TableRow> convolution_layers();
std::span<const TableRow> core_layers();
std::span<const TableRow> merge_layers();
std::span<const TableRow> normalization_layers();
std::span<const TableRow> pooling_layers();
std::span<const TableRow> shape_layers();

}  // namespace smelt::keras
