#pragma once

#include "smelt/data/dataset.h"
#include "smelt/quantize/debug/measure.h"
#include "smelt/quantize/debug/values.h"
#include "smelt/run/dataset_inputs.h"
#include "smelt/run/interpreter.h"

namespace smelt {

/// One worker's interpreters of both models, and what it needs to run ops apart.
class SideBySide {
 public:
  SideBySide(const Comparison& comparison, const Dataset& data);

  /// Runs a batch of samples through both models and adds what is seen to `into`. Of samples from
  /// `leave_one_out` on, no model with an op in float is run.
  void run(int64_t first, int samples, int64_t leave_one_out, Measurement& into);

 private:
  struct Calls;

  std::vector<void*> results_of(const Graph& graph, const Op& op);
  std::span<float> real_values(TensorId quantized, const void* stored);
  std::vector<const void*> float_operands(const Layer& layer,
                                          const std::vector<const void*>& stored);
  std::vector<const void*> rounded_operands(const Layer& layer);
  std::vector<void*> run_float(const Layer& layer, const std::vector<const void*>& inputs);
  std::vector<void*> run_stored(const Layer& layer);
  void measure_layer(const Layer& layer, LayerMeasure& into);
  void add_results(const Layer& layer, const Calls& calls, LayerMeasure& into);
  void measure_range(TensorId quantized, std::span<const float> reference, ResultMeasure& into);
  void leave_out(const Layer& layer, const std::vector<void*>& floats, TaskScore& into);
  int left_out_lanes() const;
  void add_score(const Graph& graph, const void* output, int lanes, TaskScore& into);

  const Comparison& all_;
  const Dataset& data_;
  const Graph& f_;
  const Graph& q_;
  Interpreter reference_, quantized_;
  SampleLoader load_reference_, load_quantized_;
  Scratchpad memory_;
  int64_t first_ = 0, leave_one_out_ = 0;
  int samples_ = 0;
};

}  // namespace smelt
