#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "smelt/quantize/plan.h"

namespace smelt {

/// Writes the plan for the main graph of `model`, the float model that it was made for, as JSON
/// (docs/RECIPES.md has the keys). Tensors and ops have id and name, constants a fingerprint, so
/// that another model is recognized; values that recovery chose are in base64. One line per tensor
/// and op.
void save_plan(const QuantPlan& plan, const Model& model, const std::filesystem::path& path);

/// The plan as it was saved: with the same model, apply gives the same bytes. bad_file, naming the
/// key, where the file is malformed or asks for what `apply` cannot carry out; bad_argument where
/// it was made for another model, naming the first difference.
QuantPlan load_plan(const std::filesystem::path& path, const Model& model);

/// The same without the file.
nlohmann::json to_json(const QuantPlan& plan, const Model& model);
QuantPlan plan_from_json(const nlohmann::json& json, const Model& model);

/// Hash of the values of all constants of the main graph, as 16 hexadecimal digits.
std::string fingerprint(const Model& model);

}  // namespace smelt
