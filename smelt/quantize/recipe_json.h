#pragma once

#include <nlohmann/json.hpp>

#include "smelt/quantize/recipe.h"

namespace smelt {

/// A recipe in Smelt's own form (docs/RECIPES.md): scheme, io, fallback, base (fields of OpConfig
/// that differ from the scheme's), rule (a list; layer, op and fields of OpConfig). Keys are the
/// names of the fields, values those that the parse functions of recipe.h take. bad_file, naming
/// the key and the ones there are; bad_argument for a value that names nothing.
Recipe recipe_from_json(const nlohmann::json& json);

/// All of the recipe, so that recipe_from_json gives it back.
nlohmann::json to_json(const Recipe& recipe);

}  // namespace smelt
