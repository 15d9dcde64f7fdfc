#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/quantize/recipe.h"

namespace smelt {

/// A recipe of the LiteRT quantizer (0.11; formerly ai-edge-quantizer): a list of entries with
/// regex, operation, algorithm_key and op_config, read as it reads them. Entries with the same
/// regex stand together where the first of them stands, and there '*' replaces what came before and
/// an operation its earlier entry; of all that match an op, the last that its policy allows counts.
/// Ops that no entry matches stay float32. Ranges of activations are moving averages, as its
/// calibrator has them.
///
/// bad_file for what is malformed, naming entry and key. unsupported, by name, for algorithms other
/// than no_quantize, min_max_uniform_quantize, float_casting, OCTAV and MSE, for 2 bits, symmetric
/// int8 and unsymmetric weights, skip_checks, and different types of inputs and outputs.
Recipe litert_recipe(const nlohmann::json& entries);

/// Names of its recipes that can be asked for: static_wi8_ai8, dynamic_wi8_afp32, ...
const std::vector<std::string>& litert_recipe_names();
/// The recipe of such a name; unsupported for one that cannot be carried out, bad_argument for a
/// name that it does not have.
Recipe litert_recipe_by_name(std::string_view name);

}  // namespace smelt
