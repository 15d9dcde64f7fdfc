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
  /// A file to take the weights from, and one to take the layers from (a `model.json`, or a whole
  /// model), where the model's file holds only the other of the two. Empty: the file itself.
  std::filesystem::path weights, config;
  /// Layers of classes that Smelt does not know become custom ops of the class's name.
  bool ignore_custom = false;
};

/// Reads a model of Keras 1 to 3 (Sequential, Functional, nested models, shared layers):
///   - HDF5 files of whole models (`model.save("x.h5")`) and of weights, as every version writes
///     them;
///   - `.keras` archives of Keras 3 and of tf.keras 2.12 and later;
///   - a configuration in JSON (`model.to_json()`, `config.json`), with `options.weights`.
///
/// The graph is in training form: BatchNormalization and Dropout stay whole ops and activations are
/// ops of their own. The batch axis has size 1 in `shape` and -1 in `shape_signature`; other axes
/// that the file leaves open are -1 there too, and of a size in `shape` at which the model works.
/// The output tensor of a layer has the layer's name (a nested model's name and '/' in front;
/// "/call1" behind for the second call of a shared layer), weights are "layer/kernel" and so on,
/// `origin` is the layer. Kernels are in TFLite order: Conv2D [O,h,w,I/groups], DepthwiseConv2D
/// [1,h,w,C*M], Dense [O,I].
///
/// bad_file where the file contradicts itself; unsupported, naming layer and class, for what Smelt
/// does not import.
Model load(const std::filesystem::path& path, const LoadOptions& options = {});

/// The same for a file that is in memory; `owner` keeps the bytes alive while the model is built.
Model parse(ByteView bytes, std::shared_ptr<const void> owner, const LoadOptions& options = {});

}  // namespace smelt::keras
