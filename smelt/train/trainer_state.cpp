#include "smelt/train/trainer_state.h"

namespace smelt::train {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson to_json(const RunningMean& mean) { return {mean.sum, mean.weight}; }

StateVisitor prefixed(const std::string& prefix, const StateVisitor& visit) {
  return [prefix, &visit](const std::string& name, std::vector<float>& values) {
    visit(prefix + name, values);
  };
}

/// Counters of a checkpoint, whose checksum was right: what is wrong was written by another
/// version.
template <class T>
T field(const OrderedJson& json, const char* key) {
  try {
    return json.at(key).get<T>();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::bad_file, "its counter '{}' is malformed", key);
  }
}

RunningMean mean_of(const OrderedJson& json, const char* key) {
  const auto parts = field<std::vector<double>>(json, key);
  if (parts.size() != 2) fail(ErrorKind::bad_file, "its counter '{}' is malformed", key);
  return {parts[0], parts[1]};
}

}  // namespace

void Trainer::State::visit(const StateVisitor& visit) {
  for (Parameter* parameter : parts.module.parameters()) {
    visit("parameters/" + parameter->name, parameter->data);
  }
  for (Statistic* statistic : parts.module.statistics()) {
    visit("statistics/" + statistic->name, statistic->data);
  }
  parts.optimizer.visit_state(visit);
  parts.schedule.visit_state(visit);
  stopping.visit_state(visit);
  for (const NamedConstraint& each : parts.constraints) {
    each.constraint->visit_state(prefixed(each.name + "/", visit));
  }
  if (has_best) best.visit_state(prefixed("best/", visit));
}

OrderedJson Trainer::State::counters() const {
  return {{"epoch", epoch},
          {"batch", batch},
          {"step", step},
          {"loss", to_json(means.loss)},
          {"metric", to_json(means.metric)},
          {"epoch_samples", epoch_samples},
          {"epoch_seconds", epoch_seconds},
          {"stopped_early", stopped_early},
          {"has_best", has_best}};
}

void Trainer::State::set_counters(const OrderedJson& json) {
  epoch = field<int64_t>(json, "epoch");
  batch = field<int64_t>(json, "batch");
  step = field<int64_t>(json, "step");
  means = {mean_of(json, "loss"), mean_of(json, "metric")};
  epoch_samples = field<int64_t>(json, "epoch_samples");
  epoch_seconds = field<double>(json, "epoch_seconds");
  stopped_early = field<bool>(json, "stopped_early");
  has_best = field<bool>(json, "has_best");
  if (epoch < 0 || batch < 0 || step < 0) fail(ErrorKind::bad_file, "a counter is negative");
}

void Trainer::save(Checkpoint& checkpoint) {
  checkpoint.texts["counters"] = state_->counters().dump();
  OrderedJson history = OrderedJson::array();
  for (const EpochMetrics& epoch : state_->history) history.push_back(train::to_json(epoch));
  checkpoint.texts["history"] = history.dump();
  state_->visit(saver(checkpoint));
}

void Trainer::restore(const Checkpoint& checkpoint, const std::string& origin) {
  const auto parsed = [&](const char* name) {
    const auto found = checkpoint.texts.find(name);
    if (found == checkpoint.texts.end()) fail(ErrorKind::bad_file, "it has no {}", name);
    return OrderedJson::parse(found->second, nullptr, false);
  };
  with_context([&] { return "checkpoint " + origin; },
               [&] {
                 state_->set_counters(parsed("counters"));
                 state_->history.clear();
                 for (const OrderedJson& epoch : parsed("history")) {
                   state_->history.push_back(epoch_metrics(epoch));
                 }
               });
  // Gives the snapshot its sizes.
  if (state_->has_best) state_->best.take(state_->parts.module);
  Restorer restorer(checkpoint, origin);
  state_->visit(restorer.visitor());
  restorer.finish();
}

}  // namespace smelt::train
