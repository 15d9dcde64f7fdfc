#pragma once

#include <memory>
#include <string>
#include <vector>

#include "smelt/formats/keras/config.h"

namespace smelt::keras {

/// One result of one call of a layer. `layer` and `call` are indices, checked.
struct TensorRef {
  size_t layer = 0;
  size_t call = 0;
  size_t result = 0;
};

struct LayerCall {
  std::vector<TensorRef> inputs;  ///< all tensors of the call, those of keywords last
  size_t positional_inputs = 0;   ///< how many of them are positional
  /// The arguments as JSON, a tensor being {"$tensor": index into `inputs`}.
  Json positional = Json::array();
  Json keywords = Json::object();
};

struct ModelSpec;

struct LayerSpec {
  std::string name;
  std::string class_name;
  std::string key;                      ///< where Keras 3 files its weights: "layers/conv2d_1"
  const Json* settings = nullptr;       ///< the layer's "config", inside the parsed configuration
  const Json* implied_shape = nullptr;  ///< of an InputLayer that the file leaves out
  std::vector<LayerCall> calls;         ///< empty for an input of its model
  std::unique_ptr<ModelSpec> model;     ///< where the layer is a model itself
};

/// A Sequential or Functional model as layers and calls; the two look the same from here on.
struct ModelSpec {
  std::string name;
  std::vector<LayerSpec> layers;
  std::vector<TensorRef> inputs;  ///< refer to layers of class InputLayer
  std::vector<TensorRef> outputs;
};

/// Reads {"class_name": ..., "config": ...}; the JSON must outlive the result.
ModelSpec read_model(const Json& model, int depth = 0);

/// True for {"class_name": ..., "config": ...} whose configuration lists layers: Sequential,
/// Functional, Model and subclasses of them.
bool is_model(const Json& layer);

/// Calls in an order in which each one's inputs exist, as near to the order of the file as that
/// allows: pairs (layer, call). bad_file where calls depend on each other in a circle.
std::vector<std::pair<size_t, size_t>> execution_order(const ModelSpec& model);

}  // namespace smelt::keras
