#pragma once

#include <array>

#include "smelt/train/blocks/packed_matrix.h"
#include "smelt/train/layers/parts.h"
#include "smelt/train/layers/recurrent_cell.h"

namespace smelt::train {

/// What a recurrent layer is made of, whatever op it comes from. Rows of kernels lie one behind the
/// other in one parameter, or in several (a gate each).
struct RecurrentLayerOptions {
  RecurrentAttributes attributes;
  float cell_clip = 0;    ///< 0: none
  int64_t sequences = 1;  ///< in each sample
  int64_t time = 0, inputs = 0, units = 0;
  Operand x;                               ///< [sequences, T, I]
  std::vector<Operand> kernel, recurrent;  ///< together [G U, I] and [G U, U]
  std::vector<Operand> bias;               ///< together [G U], or none
  Operand recurrent_bias, mask, h, c;      ///< as operands 4 to 7 of RECURRENT; may be absent
  Value *y = nullptr, *h_final = nullptr, *c_final = nullptr;  ///< null where nobody reads them
  int64_t max_samples = 0;
};

/// A whole LSTM, GRU or simple recurrent layer, by backpropagation through time. The samples are
/// walked in parts, each through all steps; what a step computes stays for the way back.
class RecurrentLayer final : public Layer {
 public:
  RecurrentLayer(std::string name, RecurrentLayerOptions options);

  void set_quant(const RecurrentQuant& quant);
  void forward(const Step& step) override;
  void backward(const Step& step) override;

 private:
  /// The sequences of a part of the samples, and memory of its own for one step of them.
  struct Part {
    int64_t first = 0, count = 0;           ///< sequences
    std::array<float, 2> clipped{};         ///< see CellGradients
    AlignedArray<float> products;           ///< [count, G U]
    AlignedArray<float> h, c, last, dh_in;  ///< [count, U]
    AlignedArray<float> cell;               ///< scratch of RecurrentCellMath
    AlignedArray<float> dx;                 ///< [count, T, I] where it cannot be written at once
  };

  int64_t columns() const { return o_.attributes.gates() * o_.units; }
  /// Columns of the product with h; where the reset gate comes first that of r h is another.
  int64_t first_columns() const { return math_.resets_before() ? 2 * o_.units : columns(); }
  int64_t time_of(int64_t s) const { return o_.attributes.go_backwards ? o_.time - 1 - s : s; }
  bool skips(int64_t sequence, int64_t t) const;
  Part& part(int64_t index, int64_t first_sample, int64_t last_sample);
  /// Row of sequence q at time t of an array [S, T, width].
  template <class Array>
  float* row(Array& array, int64_t q, int64_t t, int64_t width) {
    return array.data() + (q * o_.time + t) * width;
  }
  CellRow cell_row(Part& part, int64_t q, int64_t s);

  void pack(const Step& step);
  void pack_back(const Step& step);
  void stack(const std::vector<Operand>& blocks, int64_t width, std::vector<float>& to) const;
  void draw_masks(const Step& step, int64_t first, int64_t last);

  void run_part(Part& part);
  void project_input(Part& part);
  void start_states(Part& part);
  void run_step(Part& part, int64_t s);
  void write_outputs(Part& part, int64_t q, int64_t s);

  // recurrent_back.cpp
  void run_back(Part& part);
  void start_gradients(Part& part);
  void take_output_gradient(Part& part, int64_t q, int64_t s);
  void step_back(Part& part, int64_t s);
  void back_through_state(Part& part, int64_t s);
  void weight_gradients(Part& part, int64_t index);
  void input_gradient(Part& part);
  void range_gradient();

  RecurrentLayerOptions o_;
  RecurrentCellMath math_;
  RecurrentQuant quant_;
  uint64_t number_;
  std::vector<float> kernel_, recurrent_, bias_;  ///< stacked, as they are used
  PackedMatrix input_product_, first_product_, second_product_;
  PackedMatrix input_back_, first_back_, second_back_;
  std::vector<GradientSum> d_kernel_, d_recurrent_, d_bias_;
  GradientSum d_recurrent_bias_, d_h_, d_c_;
  // [S, T, width], a row for each step of each sequence that may be in a batch.
  AlignedArray<float> gates_, sums_, h_in_, c_out_, inner_, reset_, recurrent_gradient_, dropped_x_;
  AlignedArray<float> c_start_;                ///< [S, U]
  AlignedArray<float> x_factors_, h_factors_;  ///< of dropout: [S, I], [S, U]
  bool drops_x_ = false, drops_h_ = false;     ///< in this step
  std::vector<Part> parts_;
};

}  // namespace smelt::train
