#include "smelt/report/json.h"
#include "smelt/train/training.h"

namespace smelt::train {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson to_json(const WrittenModel& model) {
  OrderedJson json = {{"path", model.path},
                      {"scheme", model.scheme},
                      {"bytes", model.bytes},
                      {"gzip_bytes", model.gzip_bytes},
                      {"sparsity", model.kernels.sparsity()},
                      {"unique_weights", model.kernels.unique},
                      {"unique_weights_in_channel", model.kernels.unique_in_channel}};
  if (model.evaluation) json["evaluation"] = smelt::to_json(*model.evaluation);
  return json;
}

/// The epoch whose parameters the written models have.
const EpochMetrics* kept_epoch(const TrainingReport& report) {
  const History& history = report.result.history;
  if (history.empty()) return nullptr;
  const auto best = static_cast<size_t>(report.result.best_epoch);
  const bool is_best = report.keep == Keep::best && best >= 1 && best <= history.size();
  return is_best ? &history[best - 1] : &history.back();
}

}  // namespace

OrderedJson to_json(const TrainingReport& report) {
  const TrainResult& result = report.result;
  OrderedJson json = {{"version", report.version},
                      {"model", report.specification.model.source},
                      {"parameters", report.parameters},
                      {"trainable_parameters", report.trainable_parameters},
                      {"batch", report.specification.training.batch},
                      {"samples_per_second", result.samples_per_second},
                      {"training_seconds", result.training_seconds},
                      {"seconds", result.seconds},
                      {"epochs", result.history.size()},
                      {"steps", result.steps},
                      {"interrupted", result.interrupted},
                      {"stopped_early", result.stopped_early},
                      {"best_epoch", result.best_epoch}};
  if (const EpochMetrics* kept = kept_epoch(report)) {
    json["kept_epoch"] = kept->epoch;
    const OrderedJson metrics = train::to_json(*kept);
    for (const auto& [name, value] : metrics.items()) {
      if (name != "epoch" && name != "seconds" && name != "samples_per_second") json[name] = value;
    }
  }
  json["history"] = OrderedJson::array();
  for (const EpochMetrics& epoch : result.history) {
    json["history"].push_back(train::to_json(epoch));
  }
  json["models"] = OrderedJson::array();
  for (const WrittenModel& model : report.models) json["models"].push_back(to_json(model));
  return json;
}

}  // namespace smelt::train
