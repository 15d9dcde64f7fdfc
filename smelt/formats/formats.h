#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

struct LoadOptions {
  /// Shapes of the model's inputs, in order, where the file leaves axes open; with or without the
  /// batch axis. Formats with fixed shapes ignore it.
  std::vector<Shape> input_shapes;
  std::string signature = {};  ///< of a SavedModel; empty: serving_default, or the only one
  std::string tag_set = {};    ///< of a SavedModel; empty: "serve", or the only one
};

/// Loads a model of any format that Smelt reads, told apart by content, then by name:
///   .tflite, Keras whole models .h5, SavedModel folders, frozen TensorFlow graphs .pb.
/// Keras and TensorFlow models arrive in training form (see ARCHITECTURE.md). Every Error names the
/// file.
Model load(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace smelt
