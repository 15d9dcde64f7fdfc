#include "smelt/train/prune.h"

#include <algorithm>

#include "smelt/base/error.h"
#include "smelt/train/compressible.h"
#include "smelt/train/state.h"

namespace smelt::train {
namespace {

using compress::PruneOverride;

/// The schedule of a parameter, with its own final sparsity where an override fits.
compress::SparsitySchedule schedule_for(const PruneSettings& settings, const Parameter& parameter) {
  compress::SparsitySchedule schedule = settings.schedule;
  for (const PruneOverride& layer : settings.overrides) {
    if (!fits_parameter(layer.pattern, parameter)) continue;
    schedule.final_sparsity = layer.sparsity;
    schedule.initial_sparsity = std::min(schedule.initial_sparsity, layer.sparsity);
    break;
  }
  return schedule;
}

void check(const PruneSettings& settings, const std::vector<Compressible>& parameters) {
  settings.schedule.check();
  settings.pattern.check();
  std::vector<std::string> patterns;
  bool own_sparsity = false;
  for (const PruneOverride& layer : settings.overrides) {
    patterns.push_back(layer.pattern);
    own_sparsity |= layer.sparsity > 0;
  }
  check_patterns(patterns, parameters, "pruning");
  const compress::PrunePattern& pattern = settings.pattern;
  const bool shaped = pattern.structured() || pattern.block_rows > 1 || pattern.block_cols > 1;
  if (settings.global && (shaped || own_sparsity)) {
    fail(ErrorKind::bad_argument,
         "pruning: one threshold over all layers goes neither with blocks or groups nor with "
         "layers of another sparsity");
  }
}

}  // namespace

Pruning::Pruning(const Graph& graph, const std::vector<Parameter*>& parameters,
                 PruneSettings settings)
    : settings_(std::move(settings)) {
  const std::vector<Compressible> all = compressible(graph, parameters, settings_.depthwise);
  check(settings_, all);
  for (const Compressible& entry : all) {
    Target target{.parameter = entry.parameter,
                  .matrix = entry.matrix,
                  .schedule = schedule_for(settings_, *entry.parameter),
                  .mask = std::vector<uint8_t>(entry.parameter->data.size(), 1)};
    target.schedule.check();
    if (settings_.keep) {
      target.mask = compress::mask_of_nonzero(entry.parameter->data);
    } else if (target.schedule.final_sparsity == 0 && !settings_.pattern.structured()) {
      continue;
    }
    targets_.push_back(std::move(target));
  }
  if (targets_.empty()) {
    fail(ErrorKind::bad_argument, "pruning: the model has no kernel to prune");
  }
}

void Pruning::choose_masks(int64_t step) {
  if (!settings_.global) {
    for (Target& t : targets_) {
      t.mask = compress::pattern_mask(t.parameter->data, t.matrix, settings_.pattern,
                                      t.schedule.sparsity(step));
    }
    return;
  }
  std::vector<std::span<const float>> tensors;
  for (const Target& target : targets_) tensors.emplace_back(target.parameter->data);
  auto masks = compress::global_masks(tensors, settings_.schedule.sparsity(step));
  for (size_t i = 0; i < masks.size(); ++i) targets_[i].mask = std::move(masks[i]);
}

void Pruning::before_forward(int64_t step) {
  if (settings_.keep) return;
  const bool once = settings_.pattern.structured();
  if (once ? step != settings_.schedule.begin_step : !settings_.schedule.chooses_at(step)) return;
  choose_masks(step);
  after_update(step);
}

void Pruning::after_backward(int64_t /*step*/) {
  for (Target& target : targets_) {
    if (!target.parameter->grad.empty()) {
      compress::apply_mask(target.mask, target.parameter->grad);
    }
  }
}

void Pruning::after_update(int64_t /*step*/) {
  for (Target& target : targets_) compress::apply_mask(target.mask, target.parameter->data);
}

void Pruning::report(const std::function<void(const std::string&, double)>& visit) const {
  for (const Target& target : targets_) {
    const auto& data = target.parameter->data;
    const auto zeros = std::count(data.begin(), data.end(), 0.0f);
    visit("sparsity/" + target.parameter->name,
          static_cast<double>(zeros) / static_cast<double>(data.size()));
  }
  visit("sparsity/all", sparsity());
}

void Pruning::visit_state(const StateVisitor& visit) {
  for (Target& target : targets_) {
    visit_bytes(visit, "pruning/" + target.parameter->name, target.mask);
  }
}

double Pruning::sparsity() const {
  int64_t zeros = 0, values = 0;
  for (const Target& target : targets_) {
    const auto& data = target.parameter->data;
    zeros += std::count(data.begin(), data.end(), 0.0f);
    values += static_cast<int64_t>(data.size());
  }
  return static_cast<double>(zeros) / static_cast<double>(values);
}

}  // namespace smelt::train
