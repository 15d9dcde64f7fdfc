#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/base/error.h"
#include "smelt/formats/common/graph_writer.h"
#include "smelt/formats/keras/config.h"
#include "smelt/formats/keras/weights.h"

namespace smelt::keras {

struct Results;
struct Layer;

/// What a layer is called with, as the model's file says it: JSON in which every tensor is an
/// object {"$tensor": index into `tensors`}.
struct Arguments {
  Json positional = Json::array();
  Json keywords = Json::object();
  std::vector<TensorId> tensors;
};

/// The tensors in a part of the arguments, in order.
std::vector<TensorId> tensors_in(const Json& value, const Arguments& arguments);

/// An object inside of a layer that has weights: the layer of a wrapper, the cell of a recurrent
/// layer, the projections of an attention.
struct Part {
  std::string key;   ///< the attribute in Python, under which Keras 3 files its weights: "layer",
                     ///< "forward_layer", "cell", "query_dense"; '/' between several levels
  std::string name;  ///< its own name, which names of weights may hold: "lstm_cell", "query"
  size_t first = 0;  ///< weights of the layer (in Keras's order) that come before the part's
};

/// What layers ask the model that they are part of.
class LayerHost {
 public:
  virtual ~LayerHost() = default;

  /// The constant of a weight of the layer; that of an earlier call is shared. `make` turns the
  /// values into the constant's tensor. bad_file where the file has no such weight.
  using MakeTensor = std::function<Tensor(std::span<const float>)>;
  virtual TensorId weight(const Layer& layer, const WeightQuery& query, const MakeTensor& make) = 0;

  /// What the file says about a weight, empty where it holds none; query.shape does not count.
  virtual std::optional<std::vector<int64_t>> weight_shape(const Layer& layer,
                                                           const WeightQuery& query) = 0;

  /// Imports an inner layer, given as {"class_name": ..., "config": ...}, of any class that
  /// Smelt knows, a model included.
  virtual Results call_inner(const Layer& layer, const Json& spec, const Part& part,
                             std::vector<TensorId> inputs) = 0;
};

/// What the import of one call of a layer sees.
struct Layer {
  std::string name;  ///< as the model spells it
  std::string class_name;
  Config config;
  std::vector<TensorId> inputs;  ///< tensors among the positional arguments, in order
  std::vector<TensorId> masks;   ///< of each input, none where absent: [N,T] boolean
  GraphWriter& graph;
  int keras_version;  ///< 2 or 3
  LayerPath path;     ///< where its weights are
  LayerHost& host;
  const Arguments& arguments;
  std::set<std::string, std::less<>>& used_keywords;  ///< by `keyword`; others are refused

  /// The only input; bad_file where there are more or none.
  TensorId input() const;
  /// Its shape, which must have that rank.
  const Shape& input_shape(int rank) const;

  /// The mask of the first input, or the tensor that the call names in "mask".
  TensorId mask() const { return masks.empty() ? TensorId::none : masks[0]; }

  /// A keyword argument of the call, null where it is absent or None.
  const Json* keyword(std::string_view key) const;
  /// The tensors in it: mask=x, initial_state=[h, c]. Empty where it is absent.
  std::vector<TensorId> keyword_tensors(std::string_view key) const;

  /// The same layer with its weights looked up in a part of it.
  Layer part(const Part& part) const;
};

/// A weight in the order of the file: `shape` there and in the graph.
TensorId plain_weight(const Layer& layer, const Roles& roles, size_t position, Shape shape,
                      const Shape& graph_shape);
/// A vector of `size` values.
TensorId vector_weight(const Layer& layer, const Roles& roles, size_t position, int32_t size);
/// A kernel whose last axis, the outputs, goes to the front: [..., O] -> `graph_shape` [O, ...].
TensorId transposed_weight(const Layer& layer, const Roles& roles, size_t position, Shape shape,
                           const Shape& graph_shape);

/// A weight in a form that `make` gives its values.
using MakeValues = std::function<std::vector<float>(std::span<const float>)>;
TensorId made_weight(const Layer& layer, const Roles& roles, size_t position, const Shape& shape,
                     const Shape& graph_shape, const MakeValues& make);

/// unsupported where the layer says data_format "channels_first".
void require_channels_last(const Layer& layer);

/// True where it says "channels_first".
bool channels_first(const Layer& layer);
/// [N,C,...] -> [N,...,C] and back; rank 2 and below stay. Neighbouring pairs cancel in a pass.
TensorId to_channels_last(const Layer& layer, TensorId x);
TensorId from_channels_last(const Layer& layer, TensorId x);
/// Any order of axes.
TensorId transposed(const Layer& layer, TensorId x, const std::vector<int32_t>& order);

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
  /// Of the first `masked` results; where unset, TableRow::passes_mask decides.
  std::optional<TensorId> mask;
  size_t masked = SIZE_MAX;
};

using ImportLayer = Results (*)(const Layer& layer);

/// Rows of the table.
struct TableRow {
  std::string_view class_name;
  ImportLayer import;
  bool passes_mask = false;  ///< the first input's mask is that of the results (supports_masking)
  bool any_type = false;     ///< takes inputs as they are; others see them cast to float32
};

/// The row of a class, null where Smelt has none. Families of layers are in files of their own;
/// operations (ops.h) are among them.
const TableRow* find_layer(std::string_view class_name);

std::span<const TableRow> activation_layers();
std::span<const TableRow> attention_layers();
std::span<const TableRow> category_layers();
std::span<const TableRow> conv_lstm_layers();
std::span<const TableRow> convolution_layers();
std::span<const TableRow> core_layers();
std::span<const TableRow> dense_layers();
std::span<const TableRow> image_layers();
std::span<const TableRow> merge_layers();
std::span<const TableRow> normalization_layers();
std::span<const TableRow> pooling_layers();
std::span<const TableRow> recurrent_layers();
std::span<const TableRow> shape_layers();
std::span<const TableRow> transposed_convolution_layers();
std::span<const TableRow> wrapper_layers();

/// The row that keeps a layer of an unknown class as a custom op.
const TableRow* custom_layer();

}  // namespace smelt::keras
