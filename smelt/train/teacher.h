#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "smelt/run/interpreter.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// A model that is run on batches for the values of some of its tensors.
class Teacher {
 public:
  /// `results` become the outputs of the model's main graph. bad_argument, naming both, where the
  /// model's inputs are not of the sizes of `inputs`.
  Teacher(Model model, std::vector<TensorId> results, const std::vector<Value*>& inputs,
          int64_t max_samples, int threads);

  /// Values of one sample of result `index`.
  int64_t size(size_t index) const { return results_[index].size; }
  const std::string& name(size_t index) const { return results_[index].name; }

  /// Computes the results for step.samples samples of `inputs`, slices of the batch in parallel.
  void run(const Step& step, const std::vector<Value*>& inputs);
  const float* sample(size_t index, int64_t n) const {
    return results_[index].data.data() + n * results_[index].size;
  }

 private:
  struct Result {
    std::string name;
    int64_t size = 0;
    std::vector<float> data;
  };
  void run_slice(Interpreter& interpreter, const std::vector<Value*>& inputs, RowRange samples);

  std::shared_ptr<const Program> program_;
  std::vector<std::unique_ptr<Interpreter>> interpreters_;  ///< by worker
  std::vector<Result> results_;
};

/// The tensor of that name, or the result of the last op of the layer of that name; bad_argument,
/// naming `whose` model lacks it, where there is neither.
TensorId find_feature(const Graph& graph, const std::string& name, std::string_view whose);

}  // namespace smelt::train
