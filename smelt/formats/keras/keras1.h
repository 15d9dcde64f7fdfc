#pragma once

#include <memory>

#include "smelt/formats/keras/config.h"
#include "smelt/formats/keras/weights.h"

/// Keras 1 (until 2017) gave classes and settings other names and stored some weights otherwise.
/// Source: the conversions in keras/legacy/interfaces.py and preprocess_weights_for_loading of
/// Keras 2.
namespace smelt::keras {

/// Renames classes and settings of a whole model's configuration to those of Keras 2.
void modernize(Json& model);

/// Gives weights the shapes of Keras 2: gates of recurrent layers joined, kernels of convolutions
/// from [O,I,h,w] to [h,w,I,O].
std::unique_ptr<WeightSource> modernized_weights(std::unique_ptr<WeightSource> weights);

}  // namespace smelt::keras
