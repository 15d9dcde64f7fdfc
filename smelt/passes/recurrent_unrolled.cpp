#include "smelt/passes/recurrent_forms.h"

namespace smelt {
namespace {

/// The products of x per step: [step][part].
std::vector<std::vector<TensorId>> step_products(OpEmitter& emit, const RecurrentLayer& layer) {
  const auto time = static_cast<size_t>(layer.time);
  std::vector<std::vector<TensorId>> steps(time);
  for (const TensorId product : emit_input_products(emit, layer, layer.op.input(0))) {
    const Shape step{layer.batch, emit.shape(product).back()};
    const UnpackAttributes attributes{.count = layer.time, .axis = 1};
    const auto parts = emit.many(OpType::unpack, {product}, attributes, time, step);
    for (size_t t = 0; t < time; ++t) steps[t].push_back(parts[t]);
  }
  return steps;
}

}  // namespace

RecurrentValues emit_unrolled(OpEmitter& emit, const RecurrentLayer& layer,
                              const CellState& initial) {
  const RecurrentAttributes& a = layer.attributes;
  const auto products = step_products(emit, layer);
  const StepWeights weights = add_step_weights(emit, layer);
  CellState state = initial;
  TensorId y;  // of the last step that was not skipped
  std::vector<TensorId> sequence;
  for (int32_t s = 0; s < layer.time; ++s) {
    const int32_t t = a.go_backwards ? layer.time - 1 - s : s;
    CellState next = emit_step(emit, layer, weights, products[static_cast<size_t>(t)], state);
    if (layer.mask()) {
      const TensorId mask = emit.slice(layer.mask(), t, t + 1, false);
      const bool same = y == state.h && !a.zero_output_for_mask;
      const TensorId other = a.zero_output_for_mask ? TensorId::none : y;
      const bool read = a.return_sequences || !a.zero_output_for_mask || s + 1 == layer.time;
      if (!same && read) y = emit_choice(emit, mask, next.h, other);
      next.h = emit_choice(emit, mask, next.h, state.h);
      if (next.c) next.c = emit_choice(emit, mask, next.c, state.c);
      if (same) y = next.h;
    } else {
      y = next.h;
    }
    state = next;
    sequence.push_back(y);
  }
  if (a.return_sequences) {
    const PackAttributes attributes{.count = layer.time, .axis = 1};
    y = emit.op(OpType::pack, sequence, attributes, {layer.batch, layer.time, layer.units});
  }
  return {y, state.h, state.c};
}

}  // namespace smelt
