#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smelt/formats/common/graph_writer.h"

namespace smelt::train {

enum class Initializer { glorot_uniform, he_normal };

struct ConvOptions {
  int32_t filters = 1;
  int32_t height = 1;  ///< of the kernel
  int32_t width = 1;
  int32_t stride = 1;
  Padding padding = Padding::same;
  bool bias = false;
  Initializer initializer = Initializer::glorot_uniform;
};

/// Writes Keras's layers, with Keras's first weights, in the ops as which a Keras model with them
/// is imported (training form). Images are [1,H,W,C]. The first value of a weight depends on the
/// seed and its name.
class LayerWriter {
 public:
  explicit LayerWriter(uint64_t seed) : seed_(seed) {}
  /// Continues a graph.
  LayerWriter(Graph graph, uint64_t seed) : seed_(seed) { writer_.graph() = std::move(graph); }

  /// `sample` is the shape without the batch axis.
  TensorId input(const std::string& name, const Shape& sample);
  const Shape& shape(TensorId x) const { return writer_.shape(x); }

  TensorId conv(const std::string& name, TensorId x, const ConvOptions& options);
  /// One filter of 3x3 per channel.
  TensorId depthwise(const std::string& name, TensorId x, int32_t stride, Padding padding,
                     bool bias = false);
  TensorId batch_norm(const std::string& name, TensorId x, float momentum = 0.99f);
  /// relu, relu6 ...: ops without attributes.
  TensorId activation(const std::string& name, OpType type, TensorId x);
  TensorId add(const std::string& name, TensorId x, TensorId y);
  TensorId dropout(const std::string& name, TensorId x, double rate);
  /// Zeros around height and width: {before, behind} of each.
  TensorId zero_pad(const std::string& name, TensorId x, std::array<int32_t, 2> rows,
                    std::array<int32_t, 2> columns);
  /// Mean over windows of this size, which do not overlap.
  TensorId average_pool(const std::string& name, TensorId x, int32_t height, int32_t width);
  TensorId global_average(const std::string& name, TensorId x, bool keep_dims = false);
  TensorId reshape(const std::string& name, TensorId x, const std::vector<int32_t>& sample);
  TensorId flatten(const std::string& name, TensorId x);
  /// `behind`: the activation that belongs to the layer.
  TensorId dense(const std::string& name, TensorId x, int32_t units,
                 std::optional<OpType> behind = std::nullopt,
                 Initializer initializer = Initializer::glorot_uniform);
  /// The last layer of a classifier: softmax over the classes, or, for one class, a sigmoid.
  TensorId classifier(const std::string& name, TensorId x, int32_t classes,
                      Initializer initializer = Initializer::glorot_uniform);
  TensorId softmax(const std::string& name, TensorId x);
  /// x [1,T,I] -> [1,units], or all steps.
  TensorId lstm(const std::string& name, TensorId x, int32_t units, bool return_sequences);

  Graph finish(std::vector<TensorId> inputs, std::vector<TensorId> outputs) &&;

 private:
  TensorId weight(const std::string& role, Shape shape, int64_t fan_in, int64_t fan_out,
                  Initializer initializer);
  TensorId filled(const std::string& role, int32_t size, float value);
  TensorId ended(TensorId result);
  uint64_t seed_of(const std::string& role) const;

  GraphWriter writer_;
  uint64_t seed_;
};

}  // namespace smelt::train
