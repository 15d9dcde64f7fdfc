#pragma once

#include "smelt/formats/keras/layer.h"

namespace smelt::keras {

/// The mask of what a layer gives, none where it has none, by the rules of Keras's compute_mask:
/// layers that support masking hand on that of their input; merges join those of their inputs (as
/// the Keras version does); an Embedding with mask_zero masks the index 0; others drop it.
TensorId computed_mask(const Layer& layer, const Results& results);

/// Mean over the steps that the mask [N,T] keeps: x [N,T,C] -> [N,C], or [N,1,C] with keep_dims.
TensorId masked_mean(const Layer& layer, TensorId x, TensorId mask, bool keep_dims);

}  // namespace smelt::keras
