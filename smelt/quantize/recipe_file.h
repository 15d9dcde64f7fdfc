#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "smelt/quantize/recipe.h"

namespace smelt {

struct LoadedRecipe {
  Recipe recipe;
  std::optional<int64_t> samples = {};  ///< how many the file wants to calibrate with
};

/// Reads a recipe (docs/RECIPES.md): TOML or JSON in Smelt's own form (recipe_json.h), a list of
/// entries as the LiteRT quantizer has them (litert_recipe.h), or the settings of an MLTK model's
/// `tflite_converter` (mltk_settings.h). What is no file is a name of the LiteRT quantizer's
/// recipes. bad_file naming the key, io where the file cannot be read.
LoadedRecipe load_recipe(const std::string& path_or_name);

/// A recipe from the text of such a file.
LoadedRecipe parse_recipe(std::string_view text);

}  // namespace smelt
