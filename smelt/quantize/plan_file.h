#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "smelt/quantize/plan.h"

namespace smelt {

/// Writes the plan for the main graph of `model`, the float model that it was made for, as JSON
/// (docs/RECIPES.md has the keys). Tensors and ops have id and name, constants a fingerprint, so
/// that another model is recognized; values that recovery chose are in base64. One line per tensor
/// and op. `unrecovered` is the model as the inference pipeline left it, where recovery changed
/// constants of `model` since then: those go along.
void save_plan(const QuantPlan& plan, const Model& model, const std::filesystem::path& path,
               const Model* unrecovered = nullptr);

/// A plan file whose model is not known yet.
struct SavedPlan {
  std::filesystem::path path;
  nlohmann::json json;
  Recipe recipe;  ///< which the plan carries out

  /// The plan as it was saved; `model` gets the constants that recovery changed. Then `apply` gives
  /// the same bytes. bad_file, naming the key, where the file asks for what `apply` cannot carry
  /// out; bad_argument where it was made for another model, naming the first difference.
  QuantPlan read(Model& model) const;
};

/// io where the file cannot be read, bad_file where it is malformed.
SavedPlan open_plan(const std::filesystem::path& path);

/// The same without the file.
nlohmann::json to_json(const QuantPlan& plan, const Model& model,
                       const Model* unrecovered = nullptr);
QuantPlan plan_from_json(const nlohmann::json& json, Model& model);

/// Hash of the values of all constants of the main graph, as 16 hexadecimal digits.
std::string fingerprint(const Model& model);

}  // namespace smelt
