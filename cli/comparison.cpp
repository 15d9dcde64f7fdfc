#include "comparison.h"

#include "command.h"
#include "model_options.h"
#include "smelt/eval/summary.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

constexpr int kMostClassesShown = 20;

std::string accuracy_text(const Evaluation& e) {
  if (!e.accuracy) return "";
  return fmt::format("{} ({:.2f}..{:.2f})", format_percent(*e.accuracy),
                     100 * e.accuracy_interval.low, 100 * e.accuracy_interval.high);
}

std::string verdict_text(const Verdict& verdict) {
  const std::string_view word = verdict.passed ? "PASS" : "FAIL";
  if (verdict.criterion == "min_ratio") {
    return fmt::format("{}  {:.2f}x smaller than the source file (at least {:g}x)", word,
                       verdict.value, verdict.limit);
  }
  return fmt::format("{}  accuracy drops by {:.2f} points (at most {:g})", word,
                     100 * verdict.value, 100 * verdict.limit);
}

}  // namespace

void add_criteria(CLI::App& command, CriteriaOptions& options) {
  const std::string group = "Acceptance criteria (exit code 4 where one is missed)";
  command
      .add_option("--min-ratio", options.min_ratio,
                  "Least size of the source model file divided by the size of the result")
      ->type_name("X")
      ->check(CLI::PositiveNumber)
      ->group(group);
  command
      .add_option("--max-drop", options.max_drop,
                  "Largest loss of accuracy against the float model, such as 2% or 0.02")
      ->type_name("SHARE")
      ->group(group);
}

Criteria parse_criteria(const CriteriaOptions& options) {
  Criteria criteria;
  if (options.min_ratio > 0) criteria.min_ratio = options.min_ratio;
  if (!options.max_drop.empty()) criteria.max_drop = parse_share("--max-drop", options.max_drop);
  return criteria;
}

Measured measure(std::string name, const Model& model, int64_t bytes, const Dataset& data,
                 EvaluateOptions options, Terminal& terminal) {
  Measured measured{.name = std::move(name), .bytes = bytes};
  measured.arena_bytes = micro_arena_bytes(model);
  options.progress = terminal.progress();
  measured.evaluation = evaluate(model, data, options);
  return measured;
}

std::string comparison_table(const std::vector<Measured>& models, int64_t source_bytes) {
  Table table({"model", "bytes", "smaller", "accuracy (95 %)", "loss", "samples/s", "arena"});
  for (const Measured& m : models) {
    table.add(
        {m.name, format_count(m.bytes),
         fmt::format("{:.2f}x", static_cast<double>(source_bytes) / static_cast<double>(m.bytes)),
         accuracy_text(m.evaluation),
         m.evaluation.loss ? fmt::format("{:.4f}", *m.evaluation.loss) : "",
         format_count(static_cast<int64_t>(m.evaluation.samples_per_second)),
         m.arena_bytes ? format_count(*m.arena_bytes) : "?"});
  }
  return table.text();
}

std::string confusion_table(const Evaluation& evaluation) {
  const ConfusionMatrix& confusion = evaluation.confusion;
  const int classes = confusion.classes();
  if (classes == 0 || classes > kMostClassesShown) return "";
  auto class_name = [&](int c) {
    const auto index = static_cast<size_t>(c);
    return index < evaluation.class_names.size() ? evaluation.class_names[index]
                                                 : std::to_string(c);
  };
  std::vector<std::string> header = {"truth"};
  for (int c = 0; c < classes; ++c) header.push_back(std::to_string(c));
  header.push_back("correct");
  Table table(header);
  for (int truth = 0; truth < classes; ++truth) {
    std::vector<std::string> row = {fmt::format("{} {}", truth, class_name(truth))};
    for (int p = 0; p < classes; ++p) row.push_back(std::to_string(confusion.count(truth, p)));
    const int64_t total = confusion.total(truth);
    row.push_back(total == 0 ? ""
                             : format_percent(static_cast<double>(confusion.count(truth, truth)) /
                                              static_cast<double>(total)));
    table.add(std::move(row));
  }
  return table.text();
}

int report_verdicts(const std::vector<Verdict>& verdicts, Terminal& terminal,
                    nlohmann::json& json) {
  int code = kDone;
  for (const Verdict& verdict : verdicts) {
    terminal.print("{}\n", verdict_text(verdict));
    json["criteria"].push_back({{"criterion", verdict.criterion},
                                {"limit", verdict.limit},
                                {"value", verdict.value},
                                {"passed", verdict.passed}});
    if (!verdict.passed) code = kCriterionMissed;
  }
  return code;
}

}  // namespace smelt::cli
