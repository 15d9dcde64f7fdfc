#include "smelt/quantize/calibration_report.h"

#include <algorithm>
#include <cmath>

#include "smelt/ir/dump.h"
#include "smelt/quantize/calibration_checks.h"

namespace smelt {
namespace {

constexpr double kEnough = 0.95;

/// Mean over tensors of the width that `count` evenly taken samples cover.
double coverage(const Stats& stats, int64_t count) {
  double sum = 0;
  int64_t tensors = 0;
  for (const auto& [id, tensor] : stats.tensors) {
    const double whole = static_cast<double>(tensor.max) - tensor.min;
    const auto all = static_cast<int64_t>(tensor.by_sample.size());
    if (all == 0 || !(whole > 0)) continue;
    Range hull = tensor.by_sample.front();
    for (int64_t i = 0; i < count; ++i) {
      const Range& sample = tensor.by_sample[static_cast<size_t>(i * all / count)];
      hull = {std::min(hull.min, sample.min), std::max(hull.max, sample.max)};
    }
    sum += (static_cast<double>(hull.max) - hull.min) / whole;
    ++tensors;
  }
  return tensors > 0 ? sum / static_cast<double>(tensors) : 1;
}

void judge_convergence(const Stats& stats, CalibrationReport& report) {
  for (const int64_t count : {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}) {
    if (count < stats.samples) report.convergence.push_back({count, coverage(stats, count)});
  }
  report.convergence.push_back({stats.samples, 1});
  const double half = coverage(stats, std::max<int64_t>(stats.samples / 2, 1));
  const bool enough = stats.samples >= 10 && half >= kEnough;
  report.verdict =
      fmt::format("half of the {} samples cover {:.1f} % of the ranges: {}", stats.samples,
                  100 * half, enough ? "they are enough" : "more samples would widen them");
  if (enough) return;
  report.warnings.push_back({.kind = "samples",
                             .text = fmt::format("{} (--samples)", report.verdict),
                             .urgent = stats.samples < 10 || half < 0.8});
}

}  // namespace

CalibrationReport report_calibration(const Model& model, const Stats& stats,
                                     const CalibrationContext& context) {
  CalibrationReport report{.samples = stats.samples};
  if (stats.samples == 0) return report;
  judge_convergence(stats, report);
  check_inputs_seen(model.main(), stats, context, report.warnings);
  check_trained_scale(stats, context, report.warnings);
  check_channels(model.main(), stats, report.warnings);
  return report;
}

nlohmann::json to_json(const CalibrationReport& report) {
  nlohmann::json json = {{"samples", report.samples},
                         {"verdict", report.verdict},
                         {"convergence", nlohmann::json::array()},
                         {"warnings", nlohmann::json::array()}};
  for (const auto& [samples, share] : report.convergence) {
    json["convergence"].push_back({{"samples", samples}, {"share", share}});
  }
  for (const CalibrationWarning& warning : report.warnings) {
    nlohmann::json entry = {{"kind", warning.kind}, {"text", warning.text}};
    if (!warning.tensor.empty()) entry["tensor"] = warning.tensor;
    json["warnings"].push_back(std::move(entry));
  }
  return json;
}

}  // namespace smelt
