#include "smelt/base/error.h"
#include "smelt/train/early_stopping.h"

namespace smelt::train {
namespace {

std::vector<std::vector<float>*> trained_values(const Module& module) {
  std::vector<std::vector<float>*> values;
  for (Parameter* parameter : module.parameters()) values.push_back(&parameter->data);
  for (Statistic* statistic : module.statistics()) values.push_back(&statistic->data);
  return values;
}

}  // namespace

void Snapshot::take(const Module& module) {
  const auto values = trained_values(module);
  values_.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) values_[i] = *values[i];
}

void Snapshot::restore(Module& module) const {
  if (empty()) return;
  const auto values = trained_values(module);
  SMELT_CHECK(values.size() == values_.size());
  for (size_t i = 0; i < values.size(); ++i) *values[i] = values_[i];
}

void Snapshot::visit_state(const StateVisitor& visit) {
  for (size_t i = 0; i < values_.size(); ++i) visit("snapshot/" + std::to_string(i), values_[i]);
}

}  // namespace smelt::train
