#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/formats/keras/structure.h"

namespace smelt::keras {

/// Collects the "inbound_nodes" of a Functional model's layers by name, then turns names into
/// indices once all layers are known.
///
/// Keras 2 writes a call as lists [layer, call, output, {keywords}], nested or in a dictionary as
/// the layer's first argument is; keywords hold such lists too. Keras 3 writes {"args", "kwargs"}
/// in which tensors are "__keras_tensor__" objects.
class CallReader {
 public:
  /// `nodes` may be null: the layer is never called. The JSON must live until `resolve`.
  void add_layer(const std::string& name, bool is_model, const Json* nodes);

  /// Fills calls, inputs and outputs of `model`, whose layers were added in the same order.
  void resolve(ModelSpec& model, const Json& inputs, const Json& outputs) const;

 private:
  struct NamedRef {
    std::string layer;
    size_t call;
    size_t result;
  };
  struct NamedCall {
    std::vector<NamedRef> refs;
    LayerCall call;  ///< its inputs are filled last
  };
  struct Layer {
    std::string name;
    bool is_model;
    const Json* nodes;
  };

  static NamedRef read_ref(const Json& json);
  static void read_refs(const Json& value, std::vector<NamedRef>& refs);
  bool is_known_ref(const Json& value) const;
  NamedCall read_call(const Json& node) const;
  Json read_keras2(const Json& value, NamedCall& call, Json& keywords) const;
  Json read_keywords(const Json& value, NamedCall& call) const;
  Json read_keras3(const Json& value, NamedCall& call) const;
  TensorRef find(const ModelSpec& model, const NamedRef& ref,
                 const std::vector<size_t>& first_call) const;

  std::vector<Layer> layers_;
  std::map<std::string, size_t> index_;
};

}  // namespace smelt::keras
