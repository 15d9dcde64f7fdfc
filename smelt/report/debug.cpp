#include "smelt/report/debug.h"

#include <algorithm>
#include <cmath>

#include "smelt/report/json.h"
#include "smelt/report/table.h"

namespace smelt {
namespace {

using nlohmann::json;

/// JSON has no infinity.
json finite(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json to_json(const ErrorStats& stats) {
  return {{"num_elements", stats.num_elements},
          {"stddev", stats.stddev},
          {"mean_error", stats.mean_error},
          {"max_abs_error", stats.max_abs_error},
          {"mean_squared_error", stats.mean_squared_error},
          {"sqnr_db", finite(stats.sqnr_db)},
          {"cosine", stats.cosine}};
}

json to_json(const Finding& finding) {
  json cures = json::array();
  for (const Cure cure : finding.cures) cures.push_back(name(cure));
  return {{"text", finding.text}, {"cures", cures}};
}

json to_json(const LayerReport& layer) {
  json findings = json::array();
  for (const Finding& finding : layer.findings) findings.push_back(to_json(finding));
  return {{"op_name", name(layer.type)},
          {"tensor_idx", layer.tensor.value},
          {"tensor_name", layer.tensor_name},
          {"layer", layer.layer},
          {"type", name(layer.stored)},
          {"scale", or_null(layer.scale)},
          {"zero_point", or_null(layer.zero_point)},
          {"range", layer.range()},
          {"rmse_per_scale", layer.rmse_per_scale()},
          {"same_inputs", to_json(layer.same_inputs)},
          {"layerwise", to_json(layer.layerwise)},
          {"accumulated", to_json(layer.accumulated)},
          {"split",
           {{"weights", layer.split.weights},
            {"activation", layer.split.activation},
            {"clipping", layer.split.clipping},
            {"rounding", layer.split.rounding}}},
          {"leave_one_out_accuracy_gain", or_null(layer.accuracy_gain)},
          {"leave_one_out_output_mse", or_null(layer.output_mse)},
          {"findings", findings}};
}

/// As Python's csv module writes it: quoted where it holds a comma, a quote or a line end.
std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

template <class T>
std::string or_empty(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string csv_errors(const ErrorStats& stats) {
  return fmt::format("{},{},{},{},{},{}", stats.stddev, stats.mean_error, stats.max_abs_error,
                     stats.mean_squared_error, stats.sqnr_db, stats.cosine);
}

std::string csv_line(const LayerReport& layer) {
  const ErrorStats& same = layer.same_inputs;
  std::string cures;
  for (const Finding& finding : layer.findings) {
    cures += fmt::format("{}{}", cures.empty() ? "" : ";", name(finding.cures.at(0)));
  }
  std::string line = fmt::format(
      "{},{},{},{},{},{},{},{},{},{}", name(layer.type), layer.tensor.value, same.num_elements,
      same.stddev, same.mean_error, same.max_abs_error, same.mean_squared_error,
      or_empty(layer.scale), or_empty(layer.zero_point), csv_text(layer.tensor_name));
  line += layer.scale ? fmt::format(",{},{}", layer.range(), layer.rmse_per_scale()) : ",,";
  return line + fmt::format(",{},{},{},{},{},{},{},{},{},{},{},{}\r\n", csv_text(layer.layer),
                            same.sqnr_db, same.cosine, csv_errors(layer.layerwise),
                            csv_errors(layer.accumulated), layer.split.weights,
                            layer.split.activation, layer.split.clipping, layer.split.rounding,
                            or_empty(layer.accuracy_gain), or_empty(layer.output_mse), cures);
}

std::string decibels(double value) {
  return std::isfinite(value) ? fmt::format("{:.1f}", value) : "";
}

/// Shares of the error, in percent: "12/80/0/8".
std::string shares(const ErrorSplit& split) {
  const double sum = split.weights + split.activation + split.clipping + split.rounding;
  if (sum <= 0) return "";
  return fmt::format("{:.0f}/{:.0f}/{:.0f}/{:.0f}", 100 * split.weights / sum,
                     100 * split.activation / sum, 100 * split.clipping / sum,
                     100 * split.rounding / sum);
}

std::string alone_in_float(const LayerReport& layer) {
  if (layer.accuracy_gain) return fmt::format("{:+.2f}", 100 * *layer.accuracy_gain);
  return layer.output_mse ? fmt::format("{:.3g}", *layer.output_mse) : "";
}

}  // namespace

json to_json(const DebugReport& report) {
  json layers = json::array();
  for (const LayerReport& layer : report.layers) layers.push_back(to_json(layer));
  return {{"samples", report.samples},
          {"leave_one_out_samples", report.leave_one_out},
          {"float_accuracy", or_null(report.float_accuracy)},
          {"quantized_accuracy", or_null(report.quantized_accuracy)},
          {"output_mse", report.output_mse},
          {"layers", layers},
          {"unmatched", report.unmatched},
          {"warning", report.warning.empty() ? json(nullptr) : json(report.warning)}};
}

std::string debug_csv(const DebugReport& report) {
  std::string text =
      "op_name,tensor_idx,num_elements,stddev,mean_error,max_abs_error,mean_squared_error,scale,"
      "zero_point,tensor_name,range,rmse/scale,layer,sqnr_db,cosine";
  for (const char* kind : {"layerwise", "accumulated"}) {
    for (const char* column :
         {"stddev", "mean_error", "max_abs_error", "mean_squared_error", "sqnr_db", "cosine"}) {
      text += fmt::format(",{}_{}", kind, column);
    }
  }
  text +=
      ",weight_error,activation_error,clipping_error,rounding_error,leave_one_out_accuracy_gain,"
      "leave_one_out_output_mse,cures\r\n";
  for (const LayerReport& layer : report.layers) text += csv_line(layer);
  return text;
}

std::string debug_table(const DebugReport& report, size_t most, int width) {
  std::vector<const LayerReport*> layers;
  for (const LayerReport& layer : report.layers) layers.push_back(&layer);
  std::stable_sort(layers.begin(), layers.end(), [](const LayerReport* a, const LayerReport* b) {
    return a->layerwise.sqnr_db < b->layerwise.sqnr_db;
  });
  const size_t shown = most == 0 ? layers.size() : std::min(most, layers.size());
  const bool accuracy = report.quantized_accuracy.has_value();
  Table table({"op", "layer", "SQNR alone", "SQNR here", "rmse/scale", "mean error",
               "weights/act/clip/round", accuracy ? "float alone, points" : "float alone, MSE"});
  for (size_t i = 0; i < shown; ++i) {
    const LayerReport& layer = *layers[i];
    table.add({std::string(name(layer.type)), layer.layer, decibels(layer.layerwise.sqnr_db),
               decibels(layer.accumulated.sqnr_db),
               layer.scale ? fmt::format("{:.3f}", layer.rmse_per_scale()) : "",
               fmt::format("{:.2g}", layer.same_inputs.mean_error), shares(layer.split),
               alone_in_float(layer)});
  }
  std::string text = table.text(width);
  if (shown < layers.size()) text += fmt::format("and {} better\n", layers.size() - shown);
  return text;
}

std::string debug_findings(const DebugReport& report) {
  constexpr size_t kMostUnmatched = 10;
  std::string text;
  if (!report.warning.empty()) text = fmt::format("warning: {}\n", report.warning);
  for (const LayerReport& layer : report.layers) {
    for (const Finding& finding : layer.findings) {
      text += fmt::format("{} {}: {}\n", name(layer.type), layer.layer, finding.text);
    }
  }
  if (text.empty()) text = "no layer stands out\n";
  for (size_t i = 0; i < std::min(kMostUnmatched, report.unmatched.size()); ++i) {
    text += fmt::format("not compared: {}\n", report.unmatched[i]);
  }
  if (report.unmatched.size() > kMostUnmatched) {
    text += fmt::format("and {} more\n", report.unmatched.size() - kMostUnmatched);
  }
  return text;
}

}  // namespace smelt
