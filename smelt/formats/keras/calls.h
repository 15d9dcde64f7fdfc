#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/formats/keras/structure.h"

namespace smelt::keras {

/// Collects the "inbound_nodes" of a Functional model's layers by name, then turns names into
/// indices once all layers are known.
class CallReader {
 public:
  /// `nodes` may be null: the layer is never called.
  void add_layer(const std::string& name, bool is_model, const Json* nodes);

  /// Fills calls, inputs and outputs of `model`, whose layers were added in the same order.
  void resolve(ModelSpec& model, const Json& inputs, const Json& outputs) const;

 private:
  struct NamedRef {
    std::string layer;
    size_t call;
    size_t result;
  };
  struct Layer {
    std::string name;
    bool is_model;
    std::vector<std::vector<NamedRef>> calls;
  };

  static NamedRef read_ref(const Json& json);
  static void read_call(const Json& node, std::vector<NamedRef>& refs);
  static void read_arguments(const Json& value, std::vector<NamedRef>& refs);
  static void read_refs(const Json& value, std::vector<NamedRef>& refs);
  static void check_keywords(const Json& keywords);
  TensorRef find(const ModelSpec& model, const NamedRef& ref,
                 const std::vector<size_t>& first_call) const;
  std::vector<size_t> first_calls(const std::vector<NamedRef>& outputs) const;

  std::vector<Layer> layers_;
  std::map<std::string, size_t> index_;
};

}  // namespace smelt::keras
