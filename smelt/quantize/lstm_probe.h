#pragma once

#include <array>
#include <span>
#include <vector>

#include "smelt/ir/graph.h"
#include "smelt/kernels/lstm_cell.h"

namespace smelt {

/// What an LSTM computes on its way from x to y.
struct LstmValues {
  std::vector<float> cell_state;  ///< [T,N,C], of all steps
  /// [T,N,C]: sums of products in front of layer normalization; empty without it.
  std::array<std::vector<float>, kGates> sums;
  std::vector<float> hidden;  ///< [T,N,C] in front of the projection; empty without one
};

/// A plain float LSTM that shows what the kernel of the op keeps to itself: the values that an
/// integer LSTM needs scales for. It has all parts that LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM may
/// have (kernels/lstm_cell.h) but activations other than tanh and diagonal weights, which have no
/// integer form.
class LstmProbe {
 public:
  /// True where the op is one that an integer kernel may compute and whose weights are constant
  /// float32 of shapes that belong together.
  static bool fits(const Graph& graph, const Op& op);

  /// The op fits.
  LstmProbe(const Graph& graph, const Op& op);

  /// The values for x [T,N,I], or [N,T,I] where the op is not time_major, from states of zeros.
  LstmValues run(std::span<const float> x, const Shape& shape) const;

 private:
  struct Step;
  void multiply(const std::vector<float>& weights, const float* x, int64_t count,
                std::vector<float>& sums) const;
  void finish_gate(Step& step, size_t gate, LstmValues& values) const;
  void run_step(const float* x, Step& step, LstmValues& values) const;

  int64_t inputs_ = 0, cells_ = 0, outputs_ = 0;
  bool time_major_ = true, coupled_ = false;
  float cell_clip_ = 0, proj_clip_ = 0;
  std::vector<float> input_, recurrent_;  ///< [I, 4 C] and [O, 4 C]; 0 for a gate that is absent
  std::array<std::vector<float>, kGates> bias_, peephole_, norm_;
  std::vector<float> projection_, projection_bias_;  ///< [C, O], [O]
};

}  // namespace smelt
