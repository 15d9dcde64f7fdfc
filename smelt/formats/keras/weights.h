#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/formats/hdf5/hdf5.h"

namespace smelt::keras {

/// One level on the way from the outermost model to the object that holds a weight.
struct PathStep {
  std::string name;  ///< as the configuration spells it: "conv1", "forward_lstm"
  std::string key;   ///< where Keras 3 files it: "layers/conv2d_1", "layer", "cell", "query_dense"
  size_t first = 0;  ///< weights of the layer around it that come before its own
};
using LayerPath = std::vector<PathStep>;

/// Names of a weight across Keras versions; the first is used for the tensor.
using Roles = std::vector<std::string_view>;

struct WeightQuery {
  Roles roles;                 ///< "kernel", ...
  size_t position = 0;         ///< among the weights of the object that holds it, in Keras's order
  std::vector<int64_t> shape;  ///< that the configuration asks for
};

/// A weight that a file holds.
struct StoredWeight {
  std::string name;
  std::vector<int64_t> shape;
  std::function<hdf5::Floats()> read;
};

/// Where the weights of a model are: one class for each form of file.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  /// The weight of the object at the end of the path; its shape is not compared. Empty where the
  /// file has none.
  virtual std::optional<StoredWeight> find(const LayerPath& path, const WeightQuery& query) = 0;
};

/// The values of a weight. bad_file where it is missing or has another shape than is asked for.
hdf5::Floats read_weight(WeightSource& source, const LayerPath& path, const WeightQuery& query);

/// A weight whose name tells the layer: "encoder/conv1/kernel:0".
struct NamedWeight {
  explicit NamedWeight(std::string full_name);

  std::string name;
  std::string owner;  ///< the name up to its last '/': the layer, perhaps inside of others
  std::string role;   ///< what follows, without ":0"
};

/// Looks a weight up in those of one layer of the outermost model (its own, or those of all layers
/// inside, in Keras's order): by name where exactly one fits, else by position. The first step of
/// the path is the layer that the list belongs to. Null where there is none.
const NamedWeight* find_named(const std::vector<NamedWeight>& weights, const LayerPath& path,
                              const WeightQuery& query);

/// `model_weights` of a whole model in HDF5 form, or a file of weights: a group for every layer of
/// the outermost model, whose attribute "weight_names" lists what it holds.
/// Where no group has a layer's name, the layers that hold weights are matched in order, as Keras
/// does for files of weights.
std::unique_ptr<WeightSource> legacy_weights(hdf5::Group model_weights);

/// `model.weights.h5` of a .keras archive and the .weights.h5 files of Keras 3: weights numbered in
/// "vars" below the object that holds them ("layers/bidirectional/forward_layer/cell/vars/0").
/// Large models are cut into several such files.
std::unique_ptr<WeightSource> object_weights(std::vector<hdf5::Group> roots);

}  // namespace smelt::keras
