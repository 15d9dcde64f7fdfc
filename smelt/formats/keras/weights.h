#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/formats/hdf5/hdf5.h"

namespace smelt::keras {

/// The stored weights of one layer of the outermost model: its own, or those of all layers inside.
class LayerWeights {
 public:
  LayerWeights(const hdf5::Group& group, const std::string& layer);

  struct Query {
    std::string_view
        inner_layer;  ///< the layer inside of a nested model, empty for the layer itself
    std::vector<std::string_view> roles;  ///< names that Keras versions give it: "kernel", ...
    size_t position = 0;                  ///< among the weights of the layer in Keras's order
    std::vector<int64_t> shape;           ///< that the configuration asks for
  };

  /// The values of a weight: found by name where exactly one fits, else by position.
  /// bad_file where it is missing or has another shape.
  hdf5::Floats read(const Query& query) const;

 private:
  struct Entry {
    std::string name;
    std::string owner;  ///< the name up to its last '/': the layer, perhaps inside of others
    std::string role;   ///< what follows, without ":0"
  };
  const Entry& find(const Query& query) const;

  hdf5::Group group_;
  std::vector<Entry> entries_;
};

/// Opens the groups of layers as they are asked for.
class WeightStore {
 public:
  explicit WeightStore(hdf5::Group model_weights) : group_(std::move(model_weights)) {}

  /// Kept between calls for the same layer.
  const LayerWeights& layer(const std::string& name);

 private:
  hdf5::Group group_;
  std::string name_;
  std::unique_ptr<LayerWeights> layer_;
};

}  // namespace smelt::keras
