#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "smelt/eval/criteria.h"
#include "terminal.h"

namespace smelt::cli {

/// --min-ratio and --max-drop as typed.
struct CriteriaOptions {
  double min_ratio = 0;
  std::string max_drop;
};

void add_criteria(CLI::App& command, CriteriaOptions& options);
Criteria parse_criteria(const CriteriaOptions& options);

/// Evaluates the model and estimates its arena. `bytes` is the size of its file.
Measured measure(std::string name, const Model& model, int64_t bytes, const Dataset& data,
                 EvaluateOptions options, Terminal& terminal);

/// A line per model: bytes, ratio to the user's file, accuracy with interval, loss, samples/s,
/// arena.
std::string comparison_table(const std::vector<Measured>& models, int64_t source_bytes);

/// Rows of truth against columns of prediction with the accuracy of each class; empty without
/// labels or with more than 20 classes.
std::string confusion_table(const Evaluation& evaluation);

/// Prints PASS or FAIL for each verdict, adds them to `json`, and returns the exit code.
int report_verdicts(const std::vector<Verdict>& verdicts, Terminal& terminal, nlohmann::json& json);

}  // namespace smelt::cli
