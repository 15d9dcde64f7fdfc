#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "smelt/ir/model.h"

namespace smelt::keras {

struct LoadOptions {
  /// Shapes of the model's inputs, in order, for models that leave axes open: with the batch axis
  /// (of any size) or without it. Inputs behind the end of the list keep what the file says.
  std::vector<Shape> input_shapes;
};

/// Reads a whole model in HDF5 form as Keras 2, tf.keras and the .h5 export of Keras 3 write it
/// (Sequential, Functional, nested models, shared layers).
///
/// The graph is in training form: BatchNormalization and Dropout stay whole ops and activations are
/// ops of their own. The batch axis has size 1 in `shape` and -1 in `shape_signature`. The output
/// tensor of a layer has the layer's name (a nested model's name and '/' in front; "/call1" behind
/// for the second call of a shared layer), weights are "layer/kernel" and so on, `origin` is the
/// layer. Kernels are in TFLite order: Conv2D [O,h,w,I/groups], DepthwiseConv2D [1,h,w,C*M], Dense
/// [O,I].
///
/// bad_file where the file contradicts itself; unsupported, naming layer and class, for what Smelt
/// does not import.
Model load_h5(const std::filesystem::path& path, const LoadOptions& options = {});

/// The same for a file that is in memory; `owner` keeps the bytes alive while the model is built.
Model load_h5(ByteView bytes, std::shared_ptr<const void> owner, const LoadOptions& options = {});

}  // namespace smelt::keras
