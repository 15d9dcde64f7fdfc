#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "smelt/quantize/debug/debug.h"

namespace smelt {

/// The keys are listed in docs/JSON.md.
nlohmann::json to_json(const DebugReport& report);

/// A line per result of a quantized op. First the columns of TensorFlow's QuantizationDebugger
/// (layer_statistics_dump), in its order and spelling: op_name, tensor_idx, num_elements, stddev,
/// mean_error, max_abs_error, mean_squared_error, scale, zero_point, tensor_name; then range and
/// rmse/scale, and what only Smelt measures. scale, zero_point, range and rmse/scale are empty
/// where the result is float (there the original stops with an error).
std::string debug_csv(const DebugReport& report);

/// The worst layers by their layerwise error against the signal, at most `most` of them (0: all),
/// as a table for people of lines no wider than `width` (0: no limit).
std::string debug_table(const DebugReport& report, size_t most, int width = 0);

/// The findings in words, a line for each, in execution order; then what is not compared.
std::string debug_findings(const DebugReport& report);

}  // namespace smelt
