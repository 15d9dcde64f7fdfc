#pragma once

#include <string>

#include "smelt/ir/model.h"

namespace smelt::train {

struct HeadOptions {
  std::string cut;  ///< layer behind which the new head begins; what follows it goes away
  int32_t classes = 10;
  double dropout = 0.2;
  uint64_t seed = 0;
};

/// A model of one input with another end: the mean over each image's cells (or the values as one
/// row where they are no image), dropout, and a dense layer with softmax, or a sigmoid for one
/// class; layers "head_pool", "head_dropout" and "head". bad_argument, naming layers that are near,
/// where there is no layer of that name.
Model with_new_head(const Model& model, const HeadOptions& options);

/// The same model for inputs of another size: shapes behind the input follow. bad_argument where
/// weights do not fit them.
Model with_input_shape(const Model& model, const Shape& sample);

/// The model with these strides in its convolutions that shrink images, in their order; a ZeroPad
/// in front of one that no longer does becomes padding of the convolution. bad_argument where their
/// number differs.
Model with_strides(const Model& model, const std::vector<int32_t>& strides);

}  // namespace smelt::train
