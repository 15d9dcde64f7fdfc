#include "smelt/train/divergence.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "smelt/ir/dump.h"

namespace smelt::train {
namespace {

const float* first_broken(std::span<const float> values) {
  const auto found =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  return found == values.end() ? nullptr : &*found;
}

const float* first_broken(const Value* value, int64_t samples) {
  if (value == nullptr || value->data == nullptr) return nullptr;
  return first_broken({value->data, static_cast<size_t>(samples * value->size)});
}

}  // namespace

const Parameter* first_broken_parameter(const Module& module) {
  for (const Parameter* parameter : module.parameters()) {
    if (first_broken(parameter->data) != nullptr) return parameter;
  }
  return nullptr;
}

std::string first_not_finite(const Model& model, const Module& module, int64_t samples) {
  for (const Value* input : module.inputs()) {
    if (const float* broken = first_broken(input, samples)) {
      return fmt::format("a sample of input {} holds {}", input->name, *broken);
    }
  }
  if (const Parameter* parameter = first_broken_parameter(module)) {
    return fmt::format("{} (layer {}) holds {}", parameter->name, parameter->layer,
                       *first_broken(parameter->data));
  }
  const Graph& graph = model.main();
  for (const OpId id : graph.ops()) {
    for (const TensorId output : graph.op(id).outputs) {
      if (!output) continue;
      const float* broken = first_broken(module.value(output), samples);
      if (broken != nullptr) return fmt::format("{} gives {}", describe(graph, id), *broken);
    }
  }
  return "";
}

}  // namespace smelt::train
