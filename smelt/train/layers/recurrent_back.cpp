#include <algorithm>

#include "smelt/train/blocks/row_math.h"
#include "smelt/train/layers/recurrent_layer.h"

namespace smelt::train {
namespace {

/// Adds the product of gradients [rows, N] (ldd apart) and values [rows, K] to the gradients of a
/// kernel [N, K] whose rows are in one parameter or several.
void add_kernel_gradient(std::vector<GradientSum>& blocks, int64_t index, int64_t rows,
                         const float* d, int64_t ldd, const float* x, int64_t width,
                         RowRange range) {
  int64_t first = 0;
  for (GradientSum& block : blocks) {
    const int64_t count = block.operand().size() / width;
    const int64_t begin = std::max(first, range.begin);
    const int64_t end = std::min(first + count, range.end);
    if (block.wanted() && begin < end) {
      outer_products(rows, {d + (begin - range.begin), ldd, end - begin}, {x, width, width}, true,
                     block.at(index, 0) + (begin - first) * width, width);
    }
    first += count;
  }
}

void add_column_sums(const float* d, int64_t rows, int64_t ldd, float* sums, int64_t count) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = 0; k < count; ++k) sums[k] += d[i * ldd + k];
  }
}

}  // namespace

void RecurrentLayer::pack_back(const Step& step) {
  const auto pack = [&](PackedMatrix& matrix, const float* values) {
    step.workers->run(kPartials, [&](int, int64_t task) {
      const RowRange panels = rows_of_task(matrix.panels(), kPartials, task);
      matrix.pack_columns(values, panels.begin, panels.end);
    });
  };
  pack(first_back_, recurrent_.data());
  if (math_.resets_before()) pack(second_back_, recurrent_.data() + 2 * o_.units * o_.units);
  if (o_.x.needs_grad()) pack(input_back_, kernel_.data());
}

void RecurrentLayer::backward(const Step& step) {
  pack_back(step);
  std::vector<GradientSum*> sums{&d_recurrent_bias_, &d_h_, &d_c_};
  for (auto* list : {&d_kernel_, &d_recurrent_, &d_bias_}) {
    for (GradientSum& sum : *list) sums.push_back(&sum);
  }
  for_parts(step, [&](int64_t index, int64_t first, int64_t last) {
    for (GradientSum* sum : sums) sum->begin(index, first, last);
    if (first == last) return;
    Part& own = part(index, first, last);
    run_back(own);
    weight_gradients(own, index);
    input_gradient(own);
    const int64_t n = o_.units;
    for (int64_t i = 0; i < own.count; ++i) {
      const int64_t sample = first + i / o_.sequences;
      const int64_t at = i % o_.sequences * n;
      if (d_h_.wanted()) add_values(own.h.data() + i * n, d_h_.at(index, sample) + at, n);
      if (d_c_.wanted()) add_values(own.c.data() + i * n, d_c_.at(index, sample) + at, n);
    }
  });
  for (GradientSum* sum : sums) sum->finish(step);
}

/// From here on part.h and part.c hold the gradients of the states, and part.last that of what the
/// steps so far gave.
void RecurrentLayer::start_gradients(Part& part) {
  const int64_t n = o_.units;
  const auto start = [&](const Value* value, float* to) {
    if (value == nullptr || value->grad == nullptr) {
      std::fill_n(to, part.count * n, 0.0f);
    } else {
      std::copy_n(value->grad + part.first * n, part.count * n, to);
    }
  };
  start(o_.h_final, part.h.data());
  start(o_.c_final, part.c.data());
  start(o_.attributes.return_sequences ? nullptr : o_.y, part.last.data());
}

void RecurrentLayer::run_back(Part& part) {
  start_gradients(part);
  for (int64_t s = o_.time - 1; s >= 0; --s) {
    for (int64_t q = part.first; q < part.first + part.count; ++q) {
      take_output_gradient(part, q, s);
    }
    step_back(part, s);
    back_through_state(part, s);
  }
}

/// What write_outputs did, backwards.
void RecurrentLayer::take_output_gradient(Part& part, int64_t q, int64_t s) {
  const int64_t n = o_.units;
  float* last = part.last.data() + (q - part.first) * n;
  if (o_.attributes.return_sequences && o_.y != nullptr && o_.y->grad != nullptr) {
    add_values(o_.y->grad + (q * o_.time + s) * n, last, n);
  }
  if (!skips(q, time_of(s))) {
    add_values(last, part.h.data() + (q - part.first) * n, n);
    std::fill_n(last, n, 0.0f);
  } else if (o_.attributes.zero_output_for_mask) {
    std::fill_n(last, n, 0.0f);
  }
}

/// From the gradients of the new states to those of the sums, in place of the gates.
void RecurrentLayer::step_back(Part& part, int64_t s) {
  const int64_t n = o_.units;
  const int64_t t = time_of(s);
  const auto gradients = [&](int64_t q) {
    const int64_t own = (q - part.first) * n;
    return CellGradients{.dh = part.h.data() + own,
                         .dc = part.c.data() + own,
                         .recurrent = recurrent_gradient_.data() == nullptr
                                          ? nullptr
                                          : row(recurrent_gradient_, q, t, columns()),
                         .reset = part.dh_in.data() + own};
  };
  for (int64_t q = part.first; q < part.first + part.count; ++q) {
    const CellGradients d = gradients(q);
    if (!skips(q, t)) {
      math_.backward(cell_row(part, q, s), d);
      continue;
    }
    std::fill_n(row(gates_, q, t, columns()), columns(), 0.0f);
    if (d.recurrent != nullptr) std::fill_n(d.recurrent, columns(), 0.0f);
  }
  if (!math_.resets_before()) return;
  second_back_.multiply(row(gates_, part.first, t, columns()) + 2 * n, o_.time * columns(),
                        part.count, 0, second_back_.panels(), part.dh_in.data(), n);
  for (int64_t q = part.first; q < part.first + part.count; ++q) {
    if (!skips(q, t)) math_.backward_reset(cell_row(part, q, s), gradients(q));
  }
}

/// From the gradients of V h to that of h before the step.
void RecurrentLayer::back_through_state(Part& part, int64_t s) {
  const int64_t n = o_.units;
  const int64_t t = time_of(s);
  auto& gradient = recurrent_gradient_.data() != nullptr ? recurrent_gradient_ : gates_;
  first_back_.multiply(row(gradient, part.first, t, columns()), o_.time * columns(), part.count, 0,
                       first_back_.panels(), part.dh_in.data(), n);
  for (int64_t i = 0; i < part.count; ++i) {
    const int64_t q = part.first + i;
    if (skips(q, t)) continue;
    float* dh = part.h.data() + i * n;
    const float* d = part.dh_in.data() + i * n;
    const float* factors = drops_h_ ? h_factors_.data() + q * n : nullptr;
    for (int64_t k = 0; k < n; ++k) dh[k] = (dh[k] + d[k]) * (drops_h_ ? factors[k] : 1.0f);
  }
}

void RecurrentLayer::weight_gradients(Part& part, int64_t index) {
  const int64_t n = o_.units;
  const int64_t steps = part.count * o_.time;
  const int64_t width = columns();
  const float* d = row(gates_, part.first, 0, width);
  const float* x = drops_x_ ? row(dropped_x_, part.first, 0, o_.inputs)
                            : o_.x.data() + part.first * o_.time * o_.inputs;
  add_kernel_gradient(d_kernel_, index, steps, d, width, x, o_.inputs, {0, width});
  int64_t first = 0;
  for (GradientSum& bias : d_bias_) {
    const int64_t count = bias.operand().size();
    if (bias.wanted()) add_column_sums(d + first, steps, width, bias.at(index, 0), count);
    first += count;
  }
  if (recurrent_gradient_.data() != nullptr) d = row(recurrent_gradient_, part.first, 0, width);
  add_kernel_gradient(d_recurrent_, index, steps, d, width, row(h_in_, part.first, 0, n), n,
                      {0, first_columns()});
  if (math_.resets_before()) {
    add_kernel_gradient(d_recurrent_, index, steps, d + 2 * n, width, row(reset_, part.first, 0, n),
                        n, {2 * n, width});
  }
  if (d_recurrent_bias_.wanted()) {
    add_column_sums(d, steps, width, d_recurrent_bias_.at(index, 0), width);
  }
}

void RecurrentLayer::input_gradient(Part& part) {
  if (!o_.x.needs_grad()) return;
  const int64_t steps = part.count * o_.time;
  const int64_t count = steps * o_.inputs;
  float* dx = o_.x.grad() + part.first * o_.time * o_.inputs;
  const bool direct = !o_.x.accumulate && !drops_x_;
  float* to = direct ? dx : part.dx.data();
  input_back_.multiply(row(gates_, part.first, 0, columns()), columns(), steps, 0,
                       input_back_.panels(), to, o_.inputs);
  if (direct) return;
  for (int64_t i = 0; drops_x_ && i < steps; ++i) {
    const float* factors = x_factors_.data() + (part.first + i / o_.time) * o_.inputs;
    for (int64_t k = 0; k < o_.inputs; ++k) to[i * o_.inputs + k] *= factors[k];
  }
  if (o_.x.accumulate) {
    add_values(to, dx, count);
  } else {
    std::copy_n(to, count, dx);
  }
}

}  // namespace smelt::train
