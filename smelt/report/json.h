#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "smelt/eval/benchmark.h"
#include "smelt/eval/evaluate.h"
#include "smelt/eval/summary.h"

namespace smelt {

/// The value, or null where there is none.
template <class T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

/// Results as JSON; the keys are a contract with scripts elsewhere, docs/JSON.md lists them.
nlohmann::json to_json(const Evaluation& evaluation);
nlohmann::json to_json(const ModelSummary& summary);
nlohmann::json to_json(const BenchmarkResult& result);

}  // namespace smelt
