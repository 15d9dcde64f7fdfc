#include "smelt/train/history.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/base/error.h"

namespace smelt::train {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson number(double value) {
  return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr);
}

/// Names of all epochs, in the order of their first appearance.
std::vector<std::string> columns(const History& history) {
  std::vector<std::string> names;
  for (const EpochMetrics& epoch : history) {
    for (const auto& [name, value] : epoch.values) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

}  // namespace

std::optional<double> EpochMetrics::find(std::string_view name) const {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

OrderedJson to_json(const EpochMetrics& metrics) {
  OrderedJson json = {{"epoch", metrics.epoch}};
  for (const auto& [name, value] : metrics.values) json[name] = number(value);
  return json;
}

EpochMetrics epoch_metrics(const OrderedJson& json) {
  const auto wrong = [] { fail(ErrorKind::bad_file, "an epoch's metrics are malformed"); };
  if (!json.is_object() || !json.contains("epoch") || !json["epoch"].is_number_integer()) wrong();
  EpochMetrics metrics{.epoch = json["epoch"].get<int64_t>()};
  for (const auto& [name, value] : json.items()) {
    if (name == "epoch") continue;
    if (!value.is_number() && !value.is_null()) wrong();
    metrics.set(name,
                value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return metrics;
}

std::string to_json_lines(const History& history) {
  std::string text;
  for (const EpochMetrics& epoch : history) text += to_json(epoch).dump() + "\n";
  return text;
}

std::string to_csv(const History& history) {
  const std::vector<std::string> names = columns(history);
  std::string text = "epoch";
  for (const std::string& name : names) text += "," + name;
  text += "\n";
  for (const EpochMetrics& epoch : history) {
    text += fmt::format("{}", epoch.epoch);
    for (const std::string& name : names) {
      const std::optional<double> value = epoch.find(name);
      text += value ? fmt::format(",{}", *value) : ",";
    }
    text += "\n";
  }
  return text;
}

OrderedJson to_columns(const History& history) {
  OrderedJson json = {{"epoch", OrderedJson::array()}};
  const std::vector<std::string> names = columns(history);
  for (const std::string& name : names) json[name] = OrderedJson::array();
  for (const EpochMetrics& epoch : history) {
    json["epoch"].push_back(epoch.epoch);
    for (const std::string& name : names) {
      const std::optional<double> value = epoch.find(name);
      json[name].push_back(value ? number(*value) : OrderedJson(nullptr));
    }
  }
  return json;
}

}  // namespace smelt::train
