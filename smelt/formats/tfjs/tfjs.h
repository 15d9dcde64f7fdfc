#pragma once

#include <filesystem>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt::tfjs {

struct LoadOptions {
  std::vector<Shape> input_shapes;
};

/// Reads a model of TensorFlow.js: its model.json, or the folder that holds it. Graph models are
/// imported like frozen TensorFlow graphs, layers models like Keras's; weights are in the files
/// that the manifest names, beside model.json, and may be stored as uint8, uint16 or float16.
///
/// bad_file where the files contradict each other; unsupported as for those formats.
Model load(const std::filesystem::path& path, const LoadOptions& options = {});

/// True for a model.json of TensorFlow.js, or a folder with one.
bool is_tfjs(const std::filesystem::path& path);

}  // namespace smelt::tfjs
