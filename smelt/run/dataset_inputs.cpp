#include "smelt/run/dataset_inputs.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/run/real_values.h"

namespace smelt {
namespace {

Shape without_ones(const Shape& shape) {
  std::vector<int32_t> dims;
  std::copy_if(shape.dims().begin(), shape.dims().end(), std::back_inserter(dims),
               [](int32_t d) { return d != 1; });
  return Shape(std::move(dims));
}

}  // namespace

void check_inputs(const Graph& graph, const Dataset& dataset) {
  const auto wanted = static_cast<int>(graph.inputs().size());
  if (dataset.inputs() != wanted) {
    fail(ErrorKind::bad_argument,
         "the model has {} inputs but the data has {} ({}); an .npz file gives several inputs as "
         "x0, x1, ...",
         wanted, dataset.inputs(), dataset.description());
  }
  for (int i = 0; i < wanted; ++i) {
    const TensorId id = graph.inputs()[static_cast<size_t>(i)];
    const Shape& shape = graph.tensor(id).shape;
    if (without_ones(shape) == without_ones(dataset.input_shape(i))) continue;
    fail(ErrorKind::bad_argument,
         "input {} takes {} but the data has samples of {} ({}); for images, --resize and "
         "--channels change that",
         describe(graph, id), to_string(shape), to_string(dataset.input_shape(i)),
         dataset.description());
  }
}

SampleLoader::SampleLoader(const Graph& graph, const Dataset& dataset) : dataset_(dataset) {
  for (const TensorId id : graph.inputs()) inputs_.push_back(graph.tensor(id));
}

void SampleLoader::operator()(int64_t sample, const SampleInputs& inputs) const {
  thread_local std::vector<float> values;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].type == DataType::float32) {
      dataset_.read(sample, static_cast<int>(i), inputs.values<float>(i));
      continue;
    }
    values.resize(static_cast<size_t>(inputs_[i].shape.elements()));
    dataset_.read(sample, static_cast<int>(i), values);
    store_real(inputs_[i], values, inputs.bytes(i));
  }
}

}  // namespace smelt
