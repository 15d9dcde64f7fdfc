#pragma once

#include <map>
#include <vector>

#include "smelt/quantize/lstm_probe.h"
#include "smelt/quantize/stats.h"
#include "smelt/run/run_samples.h"

namespace smelt {

/// Gives recurrent ops of a float graph what their integer kernels ask for and float ones do not:
///   LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM  five intermediate tensors, empty, which carry scales: of
///   the
///                                       sums of input, forget, cell and output gate (used with
///                                       layer normalization) and of the hidden value (LiteRT)
///   UNIDIRECTIONAL_SEQUENCE_LSTM        24 operands (TFLite Micro)
///   SVDF                                a bias (TFLite Micro)
/// Returns how many ops were changed; they get new ids, so it comes before calibration.
int complete_recurrent(Graph& graph);

/// Observes what recurrent ops keep to themselves, for calibration: the cell state of LSTM ops over
/// all steps (their kernels keep the last one only), their intermediate tensors, and the state of
/// SVDF ops. Every sample starts from states of zeros, as run_samples does.
class RecurrentObserver {
 public:
  RecurrentObserver(const Graph& graph, size_t workers);

  /// Call it after each step; for different workers at the same time.
  void observe(const SampleHookArgs& args);

  /// Sets the ranges of states and intermediates. They do not depend on the number of workers.
  void store(Stats& stats) const;

 private:
  using Ranges = std::map<TensorId, TensorStats>;
  void observe_lstm(const LstmProbe& probe, const Op& op, const SampleHookArgs& args,
                    Ranges& ranges) const;

  const Graph& graph_;
  std::map<OpId, LstmProbe> probes_;
  std::vector<Ranges> workers_;
};

}  // namespace smelt
