#pragma once

#include <nlohmann/json.hpp>

#include "smelt/eval/benchmark.h"
#include "smelt/eval/evaluate.h"
#include "smelt/eval/summary.h"

namespace smelt {

/// Results as JSON; the keys are a contract with scripts elsewhere, docs/JSON.md lists them.
nlohmann::json to_json(const Evaluation& evaluation);
nlohmann::json to_json(const ModelSummary& summary);
nlohmann::json to_json(const BenchmarkResult& result);

}  // namespace smelt
