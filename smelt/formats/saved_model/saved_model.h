#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt::saved_model {

struct LoadOptions {
  std::vector<Shape> input_shapes;  ///< as for frozen graphs, in the order of the inputs' names
  std::string signature;            ///< empty: serving_default, or the only one
  std::string tag_set;              ///< "serve,gpu"; empty: "serve", or the only graph
};

/// Reads a SavedModel of TensorFlow 1 or 2: the folder with saved_model.pb and variables/.
///
/// One signature is imported, its inputs and outputs sorted by name; Model::signatures has their
/// names. Variables become constants of the values that the checkpoint holds. See
/// formats/tensorflow for the form of the graph.
///
/// bad_argument, listing what there is, for a signature or a tag set that the model lacks;
/// unsupported, naming ops and nodes, for what Smelt does not import (tables of texts, models that
/// write their variables, ...).
Model load(const std::filesystem::path& folder, const LoadOptions& options = {});

/// True for a folder that holds saved_model.pb or saved_model.pbtxt.
bool is_saved_model(const std::filesystem::path& folder);

}  // namespace smelt::saved_model
