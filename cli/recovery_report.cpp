#include "recovery_report.h"

#include <fmt/format.h>

#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

std::string decibels(double db) { return fmt::format("{:.1f}", db); }

std::string kept_steps(const RecoveryReport& report) {
  std::string text;
  for (const RecoveryStep& step : report.steps) {
    if (!text.empty()) text += ", ";
    text += step.kept ? fmt::format("{} {:+.1f}", step.name, step.after_db - step.before_db)
                      : fmt::format("{} undone", step.name);
  }
  return text;
}

}  // namespace

std::string recovery_table(const std::vector<RecoveryReport>& reports) {
  if (reports.empty()) return "";
  Table table({"recovered", "before dB", "after dB", "steps (dB)"});
  for (const RecoveryReport& report : reports) {
    table.add(
        {report.name, decibels(report.before_db), decibels(report.after_db), kept_steps(report)});
  }
  return table.text();
}

nlohmann::json recovery_json(const std::vector<RecoveryReport>& reports) {
  nlohmann::json result = nlohmann::json::array();
  for (const RecoveryReport& report : reports) {
    nlohmann::json steps = nlohmann::json::array();
    for (const RecoveryStep& step : report.steps) {
      steps.push_back({{"step", step.name},
                       {"before_db", step.before_db},
                       {"after_db", step.after_db},
                       {"kept", step.kept}});
    }
    result.push_back({{"name", report.name},
                      {"before_db", report.before_db},
                      {"after_db", report.after_db},
                      {"steps", std::move(steps)}});
  }
  return result;
}

}  // namespace smelt::cli
