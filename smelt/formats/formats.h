#pragma once

#include <filesystem>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

struct LoadOptions {
  /// Shapes of the model's inputs, in order, where the file leaves axes open; with or without the
  /// batch axis. Formats with fixed shapes ignore it.
  std::vector<Shape> input_shapes;
  /// Keras: the file to take weights from, or layers, where the model's file has only the other.
  std::filesystem::path weights, config;
  /// Keras: layers of unknown classes become custom ops instead of an error.
  bool ignore_custom = false;
  /// The member of an archive with several models; by default the .tflite, then the .h5.
  std::string member;
  std::string signature;  ///< of a SavedModel; empty: serving_default, or the only one
  std::string tag_set;    ///< of a SavedModel; empty: "serve", or the only one
};

/// Loads a model of any format that Smelt reads, told apart by content, then by name:
///   .tflite; Keras .h5, .keras and configurations in .json; .mltk.zip archives of such files;
///   SavedModel folders; frozen TensorFlow graphs .pb; TensorFlow.js model.json or its folder.
/// Keras and TensorFlow models arrive in training form (see ARCHITECTURE.md). Every Error names the
/// file.
Model load(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace smelt
