#pragma once

#include <span>
#include <vector>

#include "smelt/data/dataset.h"
#include "smelt/ir/model.h"
#include "smelt/run/run_samples.h"

namespace smelt {

/// Throws bad_argument where the data set does not fit the model's inputs: another number of
/// inputs, or samples of another shape (axes of size 1 aside), naming both and the cure.
void check_inputs(const Graph& graph, const Dataset& dataset);

/// Fills a model's inputs with a sample's real values, in the inputs' own types. Holds buffers: one
/// per worker or call.
class SampleLoader {
 public:
  SampleLoader(const Graph& graph, const Dataset& dataset);
  void operator()(int64_t sample, const SampleInputs& inputs) const;

 private:
  const Dataset& dataset_;
  std::vector<Tensor> inputs_;  ///< type and quantization of each input
};

}  // namespace smelt
