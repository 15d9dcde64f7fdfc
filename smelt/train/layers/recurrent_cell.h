#pragma once

#include "smelt/ir/recurrent_attributes.h"
#include "smelt/train/layers/recurrent.h"

namespace smelt::train {

/// One sequence at one step. G gates of U units as RecurrentAttributes says; null where a cell has
/// no such thing. Forward writes what backward reads.
struct CellRow {
  float* gates = nullptr;       ///< [G U] W x + b, then the results of the activations
  float* sums = nullptr;        ///< [G U] what the activations read; null: not kept
  float* recurrent = nullptr;   ///< [G U] V h (+ d); GRU without reset_after: its last part V (r h)
  float* inner = nullptr;       ///< [U] GRU with reset_after: V h + d of the candidate
  float* reset = nullptr;       ///< [U] GRU without reset_after: r h
  const float* h_in = nullptr;  ///< [U]
  const float* c_in = nullptr;  ///< [U] LSTM
  float* c = nullptr;           ///< [U] LSTM: the new cell state
  float* h = nullptr;           ///< [U] the new state
  float* scratch = nullptr;     ///< [kCellScratch U]
};
constexpr int64_t kCellScratch = 10;

/// Gradients of one sequence at one step.
struct CellGradients {
  float* dh = nullptr;         ///< [U] of the new h; becomes that of h_in but for what products add
  float* dc = nullptr;         ///< [U] LSTM: of the new c; becomes that of c_in
  float* recurrent = nullptr;  ///< [G U] of V h + d, where it differs from that of W x + b
  const float* reset = nullptr;  ///< [U] GRU without reset_after: of r h
  float* clipped = nullptr;  ///< [2] what was stopped at both ends of the range of h is added here
};

/// The arithmetic of a recurrent cell between its matrix products, forward and backward. The
/// gradient of W x + b takes the place of `gates`.
class RecurrentCellMath {
 public:
  RecurrentCellMath(const RecurrentAttributes& attributes, int64_t units, float cell_clip);

  void set_quant(const RecurrentQuant& quant) { quant_ = quant; }
  /// Whether CellRow::sums must be kept.
  bool keeps_sums() const;
  bool resets_before() const { return a_.cell == RecurrentCell::gru && !a_.reset_after; }

  /// GRU without reset_after, first: update and reset gate, and r h.
  void forward_reset(const CellRow& row) const;
  void forward(const CellRow& row) const;

  void backward(const CellRow& row, const CellGradients& d) const;
  /// GRU without reset_after, behind `backward`, when the gradient of r h is known.
  void backward_reset(const CellRow& row, const CellGradients& d) const;

 private:
  void add_products(const CellRow& row, int64_t first, int64_t last) const;
  void gate(const CellRow& row, int64_t first, int64_t last) const;
  void candidate(const CellRow& row, int64_t first) const;
  /// The slope of gates [first, last) onto their gradients, which stand in `d`.
  void through_gate(const CellRow& row, int64_t first, int64_t last, float* d) const;
  void through_candidate(const CellRow& row, int64_t first, float* d) const;
  void stop_clipped_state(const float* h, const CellGradients& d) const;
  const float* gates_as_used(const CellRow& row) const;

  void simple_backward(const CellRow& row, const CellGradients& d) const;
  void lstm_forward(const CellRow& row) const;
  void lstm_backward(const CellRow& row, const CellGradients& d) const;
  void gru_forward(const CellRow& row) const;
  void gru_backward(const CellRow& row, const CellGradients& d) const;

  RecurrentAttributes a_;
  int64_t n_;  ///< units
  float cell_clip_;
  RecurrentQuant quant_;
};

}  // namespace smelt::train
