#include "smelt/train/layers/recurrent_cell.h"

#include <algorithm>
#include <cmath>

#include "smelt/kernels/recurrent_layer.h"
#include "smelt/train/layers/cell_activation.h"

namespace smelt::train {
namespace {

void round_to(const FakeQuant* quant, float* values, int64_t count) {
  if (quant != nullptr) fake_quantize(*quant, values, values, count);
}

/// Sets gradients to 0 where the value in front of rounding lies outside of the range.
void stop_clipped(const FakeQuant* quant, const float* values, int64_t count, float* d) {
  if (quant == nullptr) return;
  const float low = quant->real_low(), high = quant->real_high();
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] < low || values[i] > high) d[i] = 0;
  }
}

}  // namespace

RecurrentCellMath::RecurrentCellMath(const RecurrentAttributes& attributes, int64_t units,
                                     float cell_clip)
    : a_(attributes), n_(units), cell_clip_(cell_clip) {}

bool RecurrentCellMath::keeps_sums() const {
  return quant_.sums != nullptr || slope_needs_input(a_.activation) ||
         (a_.cell != RecurrentCell::simple && slope_needs_input(a_.recurrent_activation));
}

void RecurrentCellMath::add_products(const CellRow& row, int64_t first, int64_t last) const {
  for (int64_t i = first; i < last; ++i) row.gates[i] += row.recurrent[i];
}

/// What is kept of the sums is what stood there before rounding.
void RecurrentCellMath::gate(const CellRow& row, int64_t first, int64_t last) const {
  float* values = row.gates + first;
  if (row.sums != nullptr) std::copy_n(values, last - first, row.sums + first);
  round_to(quant_.sums, values, last - first);
  activate(a_.recurrent_activation, values, last - first, values);
}

void RecurrentCellMath::candidate(const CellRow& row, int64_t first) const {
  float* values = row.gates + first;
  if (row.sums != nullptr) std::copy_n(values, n_, row.sums + first);
  round_to(quant_.sums, values, n_);
  activate(a_.activation, values, n_, values);
}

void RecurrentCellMath::through_gate(const CellRow& row, int64_t first, int64_t last,
                                     float* d) const {
  const int64_t count = last - first;
  const float* sums = row.sums != nullptr ? row.sums + first : nullptr;
  stop_clipped(quant_.gates, row.gates + first, count, d);
  multiply_by_slope(a_.recurrent_activation, sums, row.gates + first, count, d);
  stop_clipped(quant_.sums, sums, count, d);
}

void RecurrentCellMath::through_candidate(const CellRow& row, int64_t first, float* d) const {
  const float* sums = row.sums != nullptr ? row.sums + first : nullptr;
  stop_clipped(quant_.candidate, row.gates + first, n_, d);
  multiply_by_slope(a_.activation, sums, row.gates + first, n_, d);
  stop_clipped(quant_.sums, sums, n_, d);
}

/// h in front of rounding; what lies outside of its range goes to the ends of a learned one.
void RecurrentCellMath::stop_clipped_state(const float* h, const CellGradients& d) const {
  if (quant_.hidden == nullptr) return;
  const float low = quant_.hidden->real_low(), high = quant_.hidden->real_high();
  for (int64_t i = 0; i < n_; ++i) {
    if (h[i] < low) d.clipped[0] += d.dh[i];
    if (h[i] > high) d.clipped[1] += d.dh[i];
  }
  stop_clipped(quant_.hidden, h, n_, d.dh);
}

/// Rounded, where that is asked for; what is kept are the results of the activations themselves.
/// The first 4 U of the scratch hold them.
const float* RecurrentCellMath::gates_as_used(const CellRow& row) const {
  if (quant_.gates == nullptr && quant_.candidate == nullptr) return row.gates;
  std::copy_n(row.gates, a_.gates() * n_, row.scratch);
  for (int64_t g = 0; g < a_.gates(); ++g) {
    round_to(g == 2 ? quant_.candidate : quant_.gates, row.scratch + g * n_, n_);
  }
  return row.scratch;
}

void RecurrentCellMath::forward_reset(const CellRow& row) const {
  add_products(row, 0, 2 * n_);
  gate(row, 0, 2 * n_);
  const float* r = gates_as_used(row) + n_;
  for (int64_t i = 0; i < n_; ++i) row.reset[i] = r[i] * row.h_in[i];
}

void RecurrentCellMath::forward(const CellRow& row) const {
  switch (a_.cell) {
    case RecurrentCell::simple: {
      add_products(row, 0, n_);
      candidate(row, 0);
      std::copy_n(row.gates, n_, row.h);
      round_to(quant_.candidate, row.h, n_);
      break;
    }
    case RecurrentCell::lstm:
      lstm_forward(row);
      break;
    case RecurrentCell::gru:
      gru_forward(row);
      break;
  }
  round_to(quant_.hidden, row.h, n_);
}

void RecurrentCellMath::backward(const CellRow& row, const CellGradients& d) const {
  switch (a_.cell) {
    case RecurrentCell::simple:
      return simple_backward(row, d);
    case RecurrentCell::lstm:
      return lstm_backward(row, d);
    case RecurrentCell::gru:
      return gru_backward(row, d);
  }
}

void RecurrentCellMath::simple_backward(const CellRow& row, const CellGradients& d) const {
  stop_clipped_state(row.gates, d);
  through_candidate(row, 0, d.dh);
  std::copy_n(d.dh, n_, row.gates);
  std::fill_n(d.dh, n_, 0.0f);
}

void RecurrentCellMath::lstm_forward(const CellRow& row) const {
  add_products(row, 0, 4 * n_);
  gate(row, 0, 2 * n_);
  candidate(row, 2 * n_);
  gate(row, 3 * n_, 4 * n_);
  const float *in = gates_as_used(row), *forget = in + n_, *k = in + 2 * n_, *out = in + 3 * n_;
  for (int64_t i = 0; i < n_; ++i) row.c[i] = forget[i] * row.c_in[i] + in[i] * k[i];
  if (cell_clip_ > 0) {
    for (int64_t i = 0; i < n_; ++i) row.c[i] = std::clamp(row.c[i], -cell_clip_, cell_clip_);
  }
  round_to(quant_.cell, row.c, n_);
  activate(a_.activation, row.c, n_, row.h);
  for (int64_t i = 0; i < n_; ++i) row.h[i] *= out[i];
}

void RecurrentCellMath::lstm_backward(const CellRow& row, const CellGradients& d) const {
  const float *in = gates_as_used(row), *forget = in + n_, *k = in + 2 * n_, *out = in + 3 * n_;
  float *di = row.scratch + 4 * n_, *df = di + n_, *dk = di + 2 * n_, *dout = di + 3 * n_;
  float *active = di + 4 * n_, *values = di + 5 * n_;
  activate(a_.activation, row.c, n_, active);
  for (int64_t i = 0; i < n_; ++i) values[i] = out[i] * active[i];
  stop_clipped_state(values, d);
  for (int64_t i = 0; i < n_; ++i) {
    dout[i] = d.dh[i] * active[i];
    d.dh[i] *= out[i];
  }
  multiply_by_slope(a_.activation, row.c, active, n_, d.dh);
  for (int64_t i = 0; i < n_; ++i) d.dc[i] += d.dh[i];
  for (int64_t i = 0; i < n_; ++i) values[i] = forget[i] * row.c_in[i] + in[i] * k[i];
  stop_clipped(quant_.cell, values, n_, d.dc);
  if (cell_clip_ > 0) {
    for (int64_t i = 0; i < n_; ++i) {
      if (std::abs(values[i]) > cell_clip_) d.dc[i] = 0;
    }
  }
  for (int64_t i = 0; i < n_; ++i) {
    di[i] = d.dc[i] * k[i];
    df[i] = d.dc[i] * row.c_in[i];
    dk[i] = d.dc[i] * in[i];
    d.dc[i] *= forget[i];
  }
  through_gate(row, 0, 2 * n_, di);
  through_candidate(row, 2 * n_, dk);
  through_gate(row, 3 * n_, 4 * n_, dout);
  std::copy_n(di, 4 * n_, row.gates);
  std::fill_n(d.dh, n_, 0.0f);
}

void RecurrentCellMath::gru_forward(const CellRow& row) const {
  float* k = row.gates + 2 * n_;
  if (a_.reset_after) {
    add_products(row, 0, 2 * n_);
    gate(row, 0, 2 * n_);
    std::copy_n(row.recurrent + 2 * n_, n_, row.inner);
    const float* r = gates_as_used(row) + n_;
    for (int64_t i = 0; i < n_; ++i) k[i] += r[i] * row.inner[i];
  } else {
    add_products(row, 2 * n_, 3 * n_);
  }
  candidate(row, 2 * n_);
  const float *z = gates_as_used(row), *chosen = z + 2 * n_;
  for (int64_t i = 0; i < n_; ++i) row.h[i] = z[i] * row.h_in[i] + (1.0f - z[i]) * chosen[i];
}

void RecurrentCellMath::gru_backward(const CellRow& row, const CellGradients& d) const {
  const float *z = gates_as_used(row), *r = z + n_, *k = z + 2 * n_;
  float *dz = row.scratch + 4 * n_, *dr = dz + n_, *dk = dz + 2 * n_, *values = dz + 3 * n_;
  for (int64_t i = 0; i < n_; ++i) values[i] = z[i] * row.h_in[i] + (1.0f - z[i]) * k[i];
  stop_clipped_state(values, d);
  for (int64_t i = 0; i < n_; ++i) {
    dz[i] = d.dh[i] * (row.h_in[i] - k[i]);
    dk[i] = d.dh[i] * (1.0f - z[i]);
    d.dh[i] *= z[i];
  }
  through_candidate(row, 2 * n_, dk);
  if (a_.reset_after) {
    for (int64_t i = 0; i < n_; ++i) dr[i] = dk[i] * row.inner[i];
    through_gate(row, 0, 2 * n_, dz);
    std::copy_n(dz, 2 * n_, d.recurrent);
    for (int64_t i = 0; i < n_; ++i) d.recurrent[2 * n_ + i] = dk[i] * r[i];
    std::copy_n(dz, 3 * n_, row.gates);
    return;
  }
  // The reset gate's own value is still needed when the gradient of r h is known.
  through_gate(row, 0, n_, dz);
  std::copy_n(dz, n_, row.gates);
  std::copy_n(dk, n_, row.gates + 2 * n_);
}

void RecurrentCellMath::backward_reset(const CellRow& row, const CellGradients& d) const {
  float *r = row.scratch, *dr = row.scratch + n_;
  std::copy_n(row.gates + n_, n_, r);
  round_to(quant_.gates, r, n_);
  for (int64_t i = 0; i < n_; ++i) {
    dr[i] = d.reset[i] * row.h_in[i];
    d.dh[i] += d.reset[i] * r[i];
  }
  through_gate(row, n_, 2 * n_, dr);
  std::copy_n(dr, n_, row.gates + n_);
}

}  // namespace smelt::train
