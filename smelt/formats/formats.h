#pragma once

#include <filesystem>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt {

struct LoadOptions {
  /// Shapes of the model's inputs, in order, where the file leaves axes open; with or without the
  /// batch axis. Formats with fixed shapes ignore it.
  std::vector<Shape> input_shapes;
};

/// Loads a model of any format that Smelt reads, told apart by content, then by name:
///   .tflite, Keras whole models .h5.
/// Keras models arrive in training form (see ARCHITECTURE.md). Every Error names the file.
Model load(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace smelt
