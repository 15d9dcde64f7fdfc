#include "smelt/train/layers/recurrent_layer.h"

#include <algorithm>
#include <cmath>

#include "smelt/quantize/scales.h"
#include "smelt/train/layers/dropout.h"

namespace smelt::train {
namespace {

std::vector<GradientSum> gradient_sums(const std::vector<Operand>& operands) {
  return {operands.begin(), operands.end()};
}

/// Rounds rows of a kernel to the steps of the largest value in each group of rows (to_int8).
void round_kernel(const RecurrentQuant& quant, int64_t width, std::vector<float>& values) {
  const auto size = static_cast<int64_t>(values.size());
  const int64_t group = quant.rows_per_scale > 0 ? quant.rows_per_scale * width : size;
  for (int64_t first = 0; first < size; first += group) {
    const auto begin = values.begin() + first;
    const auto end = begin + std::min(group, size - first);
    float largest = 0;
    for (auto v = begin; v != end; ++v) largest = std::max(largest, std::abs(*v));
    const float scale = symmetric_scale(largest, quant.largest);
    for (auto v = begin; v != end; ++v) *v = scale * std::round(*v * (1 / scale));
  }
}

void pack_panels(const Step& step, PackedMatrix& matrix, const float* values) {
  step.workers->run(kPartials, [&](int, int64_t task) {
    const RowRange panels = rows_of_task(matrix.panels(), kPartials, task);
    matrix.pack_rows(values, panels.begin, panels.end);
  });
}

}  // namespace

RecurrentLayer::RecurrentLayer(std::string name, RecurrentLayerOptions options)
    : Layer(std::move(name)),
      o_(std::move(options)),
      math_(o_.attributes, o_.units, o_.cell_clip),
      number_(layer_number(this->name())),
      d_kernel_(gradient_sums(o_.kernel)),
      d_recurrent_(gradient_sums(o_.recurrent)),
      d_bias_(gradient_sums(o_.bias)),
      d_recurrent_bias_(o_.recurrent_bias),
      d_h_(o_.h),
      d_c_(o_.c),
      parts_(kPartials) {
  const int64_t n = o_.units;
  const int64_t sequences = o_.max_samples * o_.sequences;
  const int64_t steps = sequences * o_.time;
  input_product_ = PackedMatrix(columns(), o_.inputs);
  input_back_ = PackedMatrix(o_.inputs, columns());
  first_product_ = PackedMatrix(first_columns(), n);
  first_back_ = PackedMatrix(n, first_columns());
  gates_ = AlignedArray<float>(steps * columns());
  h_in_ = AlignedArray<float>(steps * n);
  if (o_.attributes.cell == RecurrentCell::lstm) {
    c_out_ = AlignedArray<float>(steps * n);
    c_start_ = AlignedArray<float>(sequences * n);
  }
  if (math_.resets_before()) {
    second_product_ = PackedMatrix(n, n);
    second_back_ = PackedMatrix(n, n);
    reset_ = AlignedArray<float>(steps * n);
  } else if (o_.attributes.cell == RecurrentCell::gru) {
    inner_ = AlignedArray<float>(steps * n);
    recurrent_gradient_ = AlignedArray<float>(steps * columns());
  }
  if (o_.attributes.dropout > 0) {
    dropped_x_ = AlignedArray<float>(steps * o_.inputs);
    x_factors_ = AlignedArray<float>(sequences * o_.inputs);
  }
  if (o_.attributes.recurrent_dropout > 0) h_factors_ = AlignedArray<float>(sequences * n);
  if (math_.keeps_sums()) sums_ = AlignedArray<float>(steps * columns());
}

void RecurrentLayer::set_quant(const RecurrentQuant& quant) {
  quant_ = quant;
  math_.set_quant(quant);
  if (math_.keeps_sums() && sums_.data() == nullptr) {
    sums_ = AlignedArray<float>(o_.max_samples * o_.sequences * o_.time * columns());
  }
}

bool RecurrentLayer::skips(int64_t sequence, int64_t t) const {
  if (!o_.mask) return false;
  const int64_t own = o_.mask.shared() ? sequence % o_.sequences : sequence;
  return o_.mask.data()[own * o_.time + t] == 0;
}

RecurrentLayer::Part& RecurrentLayer::part(int64_t index, int64_t first_sample,
                                           int64_t last_sample) {
  Part& part = parts_[static_cast<size_t>(index)];
  part.first = first_sample * o_.sequences;
  part.count = (last_sample - first_sample) * o_.sequences;
  if (part.products.data() == nullptr) {
    const int64_t most = (o_.max_samples + kPartials - 1) / kPartials * o_.sequences;
    part.products = AlignedArray<float>(most * columns());
    for (auto* array : {&part.h, &part.c, &part.last, &part.dh_in}) {
      *array = AlignedArray<float>(most * o_.units);
    }
    part.cell = AlignedArray<float>(kCellScratch * o_.units);
    part.dx = AlignedArray<float>(most * o_.time * o_.inputs);
  }
  return part;
}

CellRow RecurrentLayer::cell_row(Part& part, int64_t q, int64_t s) {
  const int64_t n = o_.units;
  const int64_t t = time_of(s);
  const int64_t own = q - part.first;
  CellRow cell{.gates = row(gates_, q, t, columns()),
               .recurrent = part.products.data() + own * columns(),
               .h_in = row(h_in_, q, t, n),
               .h = part.h.data() + own * n,
               .scratch = part.cell.data()};
  if (sums_.data() != nullptr) cell.sums = row(sums_, q, t, columns());
  if (inner_.data() != nullptr) cell.inner = row(inner_, q, t, n);
  if (reset_.data() != nullptr) cell.reset = row(reset_, q, t, n);
  if (c_out_.data() != nullptr) {
    cell.c = row(c_out_, q, t, n);
    cell.c_in = s == 0 ? c_start_.data() + q * n : row(c_out_, q, time_of(s - 1), n);
  }
  return cell;
}

void RecurrentLayer::stack(const std::vector<Operand>& blocks, int64_t width,
                           std::vector<float>& to) const {
  to.clear();
  for (const Operand& block : blocks) {
    to.insert(to.end(), block.data(), block.data() + block.size());
  }
  if (quant_.weights && width > 0) round_kernel(quant_, width, to);
}

void RecurrentLayer::pack(const Step& step) {
  stack(o_.kernel, o_.inputs, kernel_);
  stack(o_.recurrent, o_.units, recurrent_);
  stack(o_.bias, 0, bias_);
  pack_panels(step, input_product_, kernel_.data());
  pack_panels(step, first_product_, recurrent_.data());
  if (math_.resets_before()) {
    pack_panels(step, second_product_, recurrent_.data() + 2 * o_.units * o_.units);
  }
}

void RecurrentLayer::draw_masks(const Step& step, int64_t first, int64_t last) {
  for (int64_t n = first; n < last; ++n) {
    Random random = sample_random(step, number_, n);
    const int64_t count = o_.sequences;
    if (drops_x_) {
      draw_dropout(random, o_.attributes.dropout, x_factors_.data() + n * count * o_.inputs,
                   count * o_.inputs);
    }
    if (drops_h_) {
      draw_dropout(random, o_.attributes.recurrent_dropout,
                   h_factors_.data() + n * count * o_.units, count * o_.units);
    }
  }
}

void RecurrentLayer::forward(const Step& step) {
  drops_x_ = step.training && o_.attributes.dropout > 0;
  drops_h_ = step.training && o_.attributes.recurrent_dropout > 0;
  pack(step);
  for_parts(step, [&](int64_t index, int64_t first, int64_t last) {
    if (first == last) return;
    draw_masks(step, first, last);
    run_part(part(index, first, last));
  });
}

void RecurrentLayer::run_part(Part& part) {
  project_input(part);
  start_states(part);
  for (int64_t s = 0; s < o_.time; ++s) run_step(part, s);
  const int64_t n = o_.units;
  const int64_t last = time_of(o_.time - 1);
  for (int64_t q = part.first; q < part.first + part.count; ++q) {
    const float* h = part.h.data() + (q - part.first) * n;
    if (o_.h_final != nullptr) std::copy_n(h, n, o_.h_final->data + q * n);
    if (o_.c_final != nullptr) std::copy_n(row(c_out_, q, last, n), n, o_.c_final->data + q * n);
  }
}

/// W x + b of all steps at once.
void RecurrentLayer::project_input(Part& part) {
  const int64_t steps = part.count * o_.time;
  const float* x = o_.x.data() + part.first * o_.time * o_.inputs;
  if (drops_x_) {
    float* dropped = row(dropped_x_, part.first, 0, o_.inputs);
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t q = part.first + i / o_.time;
      const float* factors = x_factors_.data() + q * o_.inputs;
      for (int64_t k = 0; k < o_.inputs; ++k) {
        dropped[i * o_.inputs + k] = x[i * o_.inputs + k] * factors[k];
      }
    }
    x = dropped;
  }
  float* gates = row(gates_, part.first, 0, columns());
  input_product_.multiply(x, o_.inputs, steps, 0, input_product_.panels(), gates, columns());
  for (int64_t i = 0; !bias_.empty() && i < steps; ++i) {
    for (int64_t k = 0; k < columns(); ++k)
      gates[i * columns() + k] += bias_[static_cast<size_t>(k)];
  }
  if (quant_.input_product != nullptr) {
    fake_quantize(*quant_.input_product, gates, gates, steps * columns());
  }
}

void RecurrentLayer::start_states(Part& part) {
  const int64_t n = o_.units;
  const auto start = [&](const Operand& operand, int64_t q, float* to) {
    if (!operand) {
      std::fill_n(to, n, 0.0f);
    } else {
      const int64_t own = operand.shared() ? q % o_.sequences : q;
      std::copy_n(operand.data() + own * n, n, to);
    }
  };
  for (int64_t i = 0; i < part.count; ++i) {
    start(o_.h, part.first + i, part.h.data() + i * n);
    if (c_out_.data() != nullptr)
      start(o_.c, part.first + i, c_start_.data() + (part.first + i) * n);
  }
  std::fill_n(part.last.data(), part.count * n, 0.0f);
}

void RecurrentLayer::run_step(Part& part, int64_t s) {
  const int64_t n = o_.units;
  const int64_t t = time_of(s);
  for (int64_t i = 0; i < part.count; ++i) {
    const float* h = part.h.data() + i * n;
    float* h_in = row(h_in_, part.first + i, t, n);
    const float* factors = drops_h_ ? h_factors_.data() + (part.first + i) * n : nullptr;
    for (int64_t k = 0; k < n; ++k) h_in[k] = drops_h_ ? h[k] * factors[k] : h[k];
  }
  float* products = part.products.data();
  first_product_.multiply(row(h_in_, part.first, t, n), o_.time * n, part.count, 0,
                          first_product_.panels(), products, columns());
  if (math_.resets_before()) {
    for (int64_t i = 0; i < part.count; ++i) {
      math_.forward_reset(cell_row(part, part.first + i, s));
    }
    second_product_.multiply(row(reset_, part.first, t, n), o_.time * n, part.count, 0,
                             second_product_.panels(), products + 2 * n, columns());
  }
  const float* bias = o_.recurrent_bias ? o_.recurrent_bias.data() : nullptr;
  for (int64_t i = 0; i < part.count; ++i) {
    const int64_t q = part.first + i;
    const CellRow cell = cell_row(part, q, s);
    for (int64_t k = 0; bias != nullptr && k < columns(); ++k) cell.recurrent[k] += bias[k];
    if (quant_.recurrent_product != nullptr) {
      fake_quantize(*quant_.recurrent_product, cell.recurrent, cell.recurrent, columns());
    }
    if (!skips(q, t)) {
      math_.forward(cell);
    } else if (cell.c != nullptr) {
      std::copy_n(cell.c_in, n, cell.c);
    }
    write_outputs(part, q, s);
  }
}

/// A skipped step repeats what the step before it gave.
void RecurrentLayer::write_outputs(Part& part, int64_t q, int64_t s) {
  const int64_t n = o_.units;
  float* last = part.last.data() + (q - part.first) * n;
  if (!skips(q, time_of(s))) {
    std::copy_n(part.h.data() + (q - part.first) * n, n, last);
  } else if (o_.attributes.zero_output_for_mask) {
    std::fill_n(last, n, 0.0f);
  }
  if (o_.y == nullptr) return;
  if (o_.attributes.return_sequences) {
    std::copy_n(last, n, o_.y->data + (q * o_.time + s) * n);
  } else if (s == o_.time - 1) {
    std::copy_n(last, n, o_.y->data + q * n);
  }
}

bool set_recurrent_quant(Layer& layer, const RecurrentQuant& quant) {
  auto* recurrent = dynamic_cast<RecurrentLayer*>(&layer);
  if (recurrent == nullptr) return false;
  recurrent->set_quant(quant);
  return true;
}

}  // namespace smelt::train
