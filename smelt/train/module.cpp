#include "smelt/train/module.h"

#include <algorithm>
#include <set>

#include "smelt/train/blocks/row_math.h"
#include "smelt/train/module_builder.h"
#include "smelt/train/module_state.h"

namespace smelt::train {

Module::Module(const Model& model, const ModuleOptions& options)
    : state_(std::make_unique<State>()) {
  state_->options = options;
  build_module(model, *state_);
}

Module::~Module() = default;

const std::vector<Value*>& Module::inputs() const { return state_->inputs; }
const std::vector<Value*>& Module::outputs() const { return state_->outputs; }
Value* Module::logits(size_t i) const { return state_->logits.at(i); }

std::vector<Parameter*> Module::parameters() const {
  std::vector<Parameter*> all;
  for (const auto& p : state_->parameters) all.push_back(p.get());
  if (const QuantizationMap* map = state_->options.quantization) {
    all.insert(all.end(), map->ranges.begin(), map->ranges.end());
  }
  return all;
}

std::vector<Statistic*> Module::statistics() const {
  std::vector<Statistic*> all;
  for (const auto& s : state_->statistics) all.push_back(s.get());
  return all;
}

void Module::freeze_norms(bool frozen) { state_->norms_frozen = frozen; }

Value* Module::value(TensorId tensor) const {
  const auto found = state_->value_of.find(tensor);
  return found != state_->value_of.end() ? found->second : nullptr;
}

void Module::forward(const Step& step) {
  if (const QuantizationMap* map = state_->options.quantization) {
    for (FakeQuant* quant : map->quants) quant->follow_range();
  }
  for (const LayerSlot& slot : state_->layers) slot.layer->forward(step);
}

void Module::backward(const Step& step, const std::vector<Value*>& seeds) {
  std::set<const Value*> seeded(seeds.begin(), seeds.end());
  const auto clear = [&](Value* v) { std::fill_n(v->grad, step.samples * v->size, 0.0f); };
  for (Seed& seed : state_->seeds) {
    if (!seeded.contains(seed.value)) continue;
    std::copy_n(seed.value->grad, step.samples * seed.value->size, seed.gradient.data());
  }
  const auto clear_parameter = [](Parameter* p) {
    if (p != nullptr) std::fill(p->grad.begin(), p->grad.end(), 0.0f);
  };
  for (Parameter* p : state_->added_to) clear_parameter(p);
  if (const QuantizationMap* map = state_->options.quantization) {
    for (Parameter* range : map->ranges) clear_parameter(range);
  }
  std::set<const Value*> written;
  for (auto slot = state_->layers.rbegin(); slot != state_->layers.rend(); ++slot) {
    bool reached = false;
    for (Value* output : slot->outputs) {
      if (!output->needs_grad) continue;
      if (!written.contains(output) && (seeded.contains(output) || slot->outputs.size() > 1)) {
        clear(output);
      }
      for (const Seed& seed : state_->seeds) {
        if (seed.value != output || !seeded.contains(output)) continue;
        add_values(seed.gradient.data(), output->grad, step.samples * output->size);
        written.insert(output);
      }
      reached = reached || written.contains(output);
    }
    if (reached) {
      slot->layer->backward(step);
      written.insert(slot->first_written.begin(), slot->first_written.end());
    } else {
      // The loss does not depend on this layer, but others add to what it would have written.
      for (Value* value : slot->first_written) clear(value);
      clear_parameter(slot->kernel);
    }
  }
}

Model Module::write_back(const Model& model) const {
  Model result = model;
  Graph& graph = result.main();
  const auto store = [&](TensorId id, const std::vector<float>& values) {
    if (id) graph.tensor(id).data = Buffer::of(values);
  };
  for (const auto& p : state_->parameters) store(p->tensor, p->data);
  for (const auto& s : state_->statistics) store(s->tensor, s->data);
  return result;
}

}  // namespace smelt::train
