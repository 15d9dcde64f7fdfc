#include "smelt/quantize/prepare.h"

#include <map>
#include <set>

#include "smelt/passes/passes.h"
#include "smelt/quantize/recurrent_stats.h"

namespace smelt {
namespace {

/// Recurrent layers in training form, with the number of their steps.
std::vector<UnrolledLayer> recurrent_layers(const Graph& graph) {
  std::vector<UnrolledLayer> layers;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type != OpType::recurrent || op.origin.empty()) continue;
    const Shape& x = graph.tensor(op.input(0)).shape;
    layers.push_back({op.origin, x.rank() == 3 ? x[1] : 0});
  }
  return layers;
}

/// Those of them that have become neither a fused op nor a loop.
std::vector<UnrolledLayer> unrolled(std::vector<UnrolledLayer> layers, const Graph& graph) {
  std::set<std::string> whole;
  std::map<std::string, int64_t> ops;
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    ++ops[op.origin];
    if (op.type == OpType::unidirectional_sequence_lstm || op.type == OpType::while_) {
      whole.insert(op.origin);
    }
  }
  for (UnrolledLayer& layer : layers) layer.ops = ops[layer.layer];
  std::erase_if(layers, [&](const UnrolledLayer& l) { return whole.contains(l.layer); });
  return layers;
}

}  // namespace

Preparation prepare_for_quantization(Model& model, const Recipe& recipe, PipelineOptions pipeline) {
  for (Graph& graph : model.graphs) expand_constants(graph);
  const std::vector<UnrolledLayer> layers = recurrent_layers(model.main());
  if (pipeline.recurrent == RecurrentForm::fused) pipeline.recurrent = RecurrentForm::loopless;
  Preparation result{.passes = run_pipeline(model, inference_pipeline(), pipeline)};
  result.unrolled = unrolled(layers, model.main());
  if (needs_calibration(recipe)) complete_recurrent(model.main());
  return result;
}

}  // namespace smelt
