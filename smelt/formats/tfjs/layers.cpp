#include "smelt/formats/tfjs/layers.h"

#include "smelt/formats/keras/importer.h"

namespace smelt::tfjs {
namespace {

using keras::Config;
using keras::NamedWeight;

/// Weights are called "layer/kernel", and those of layers inside of others after the inner layer
/// alone or with the others in front.
class NamedWeights : public keras::WeightSource {
 public:
  explicit NamedWeights(const Weights& weights) : weights_(weights) {
    for (const std::string& name : weights.names()) all_.emplace_back(name);
  }

  std::optional<keras::StoredWeight> find(const keras::LayerPath& path,
                                          const keras::WeightQuery& query) override {
    const NamedWeight* weight = nullptr;
    for (size_t first = 0; weight == nullptr && first < path.size(); ++first) {
      const keras::LayerPath rest(path.begin() + static_cast<long>(first), path.end());
      const std::vector<NamedWeight> own = of_layer(rest.front().name);
      if (const NamedWeight* found = keras::find_named(own, rest, query)) {
        // The copies that `own` holds end here; the name leads to the weight.
        for (const NamedWeight& candidate : all_) {
          if (candidate.name == found->name) weight = &candidate;
        }
      }
    }
    if (weight == nullptr) return std::nullopt;
    const std::string name = weight->name;
    const auto& dims = weights_.shape(name).dims();
    return keras::StoredWeight{.name = name,
                               .shape = {dims.begin(), dims.end()},
                               .read = [this, name] { return read(name); }};
  }

 private:
  std::vector<NamedWeight> of_layer(const std::string& layer) const {
    std::vector<NamedWeight> own;
    for (const NamedWeight& weight : all_) {
      if (weight.owner == layer || weight.owner.starts_with(layer + "/")) own.push_back(weight);
    }
    return own;
  }

  hdf5::Floats read(const std::string& name) const {
    const Tensor tensor = weights_.read(name);
    if (tensor.type != DataType::float32) {
      fail(ErrorKind::unsupported, "its type {} is not supported", smelt::name(tensor.type));
    }
    // A copy of the buffer, so that mapped bytes stay.
    const auto kept = std::make_shared<const Buffer>(
        reinterpret_cast<uintptr_t>(tensor.data.bytes().data()) % alignof(float) == 0
            ? tensor.data
            : Buffer::copy_of(tensor.data.bytes()));
    return {.values = kept->as<float>(), .storage = kept};
  }

  const Weights& weights_;
  std::vector<NamedWeight> all_;
};

/// The first digit of "2.4.0"; 2 for TensorFlow.js itself ("tfjs-layers 4.1.0").
int keras_version(const Json& topology) {
  const std::string version = Config(topology).string("keras_version", "2");
  return !version.empty() && version[0] == '3' ? 3 : 2;
}

}  // namespace

Graph import_layers(const Json& topology, const Weights& weights,
                    const std::vector<Shape>& input_shapes) {
  const Json* model = Config(topology).find("model_config");
  NamedWeights source(weights);
  return keras::import_graph(model != nullptr ? *model : topology, source, keras_version(topology),
                             {.input_shapes = input_shapes});
}

}  // namespace smelt::tfjs
