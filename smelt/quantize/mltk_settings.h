#pragma once

#include <nlohmann/json.hpp>

#include "smelt/quantize/recipe_file.h"

namespace smelt {

/// Whether the table has the keys of an MLTK model's `tflite_converter`.
bool is_mltk_settings(const nlohmann::json& json);

/// What TFLite's converter does with such settings (MLTK 0.20): `optimizations`, `supported_ops`,
/// `supported_types`, `inference_input_type`, `inference_output_type`, `representative_dataset`,
/// `representative_dataset_max_samples`; keys that only that converter has a use for are read over.
/// Values as text: "DEFAULT" or "tf.lite.Optimize.DEFAULT". A representative dataset counts as
/// given unless it is false or "none". bad_file for unknown keys and values, unsupported for
/// SELECT_TF_OPS and for inputs and outputs of different types.
LoadedRecipe mltk_recipe(const nlohmann::json& json);

}  // namespace smelt
