#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace smelt::train {

/// What is known of an epoch: names and numbers, in the order in which they are shown: "loss",
/// "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds", "samples_per_second",
/// "sparsity/conv1/kernel" ...
struct EpochMetrics {
  int64_t epoch = 0;  ///< from 1
  std::vector<std::pair<std::string, double>> values;

  void set(std::string name, double value) { values.emplace_back(std::move(name), value); }
  std::optional<double> find(std::string_view name) const;
  bool operator==(const EpochMetrics&) const = default;
};

using History = std::vector<EpochMetrics>;

/// {"epoch": 1, "loss": 0.5, ...}; numbers that are not finite become null.
nlohmann::ordered_json to_json(const EpochMetrics& metrics);
/// Null becomes NaN; bad_file where it is no such object.
EpochMetrics epoch_metrics(const nlohmann::ordered_json& json);

/// A line of JSON for each epoch.
std::string to_json_lines(const History& history);
/// A row for each epoch, a column for each metric that any epoch has.
std::string to_csv(const History& history);
/// {"epoch": [1, 2], "loss": [0.5, 0.4], ...} as Keras's History.history has it.
nlohmann::ordered_json to_columns(const History& history);

}  // namespace smelt::train
