#include "smelt/kernels/rnn.h"

#include <algorithm>
#include <memory>

#include "smelt/kernels/gate_functions.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/recurrent.h"
#include "smelt/kernels/row_product.h"

namespace smelt {
namespace {

/// Positions of a cell's operands and its sizes; no_aux: it has no auxiliary input.
struct RnnCell {
  static constexpr size_t no_aux = SIZE_MAX;
  size_t x = 0, weights = 1, recurrent = 2, bias = 3, state = 4;
  size_t aux = no_aux, aux_weights = no_aux;
  size_t y = 0;
  int64_t time = 1, batch = 0, inputs = 0, aux_inputs = 0, units = 0;
  bool time_major = true, reverse = false, asymmetric = false;
  Activation activation = Activation::none;
  int64_t y_stride = 0, y_offset = 0;
  int64_t passes = 1;  ///< how often the sequence is run through, the state going on

  int64_t rows() const { return time * batch; }
  int64_t row(int64_t step, int64_t b) const {
    const int64_t t = reverse ? time - 1 - step : step;
    return time_major ? t * batch + b : b * time + t;
  }
};

void read_cell(const PrepareArgs& args, RnnCell& cell) {
  const Operand& x = args.input(cell.x);
  const Operand& y = args.output(cell.y);
  require_type(x, {DataType::float32});
  require_type(y, {DataType::float32});
  require_rank(args.input(cell.weights), 2, 2);
  require_rank(args.input(cell.recurrent), 2, 2);
  require_same_type(args.input(cell.weights), args.input(cell.recurrent));
  if (x.shape.rank() == 3) {
    cell.time = x.shape[cell.time_major ? 0 : 1];
    cell.batch = x.shape[cell.time_major ? 1 : 0];
  } else {
    cell.batch = x.shape[0];
  }
  cell.inputs = x.shape.back();
  cell.units = args.input(cell.weights).shape[0];
  if (cell.inputs < 1 || cell.units < 1) {
    fail(ErrorKind::bad_file, "{} has shape {} and it has {} units", x.name, to_string(x.shape),
         cell.units);
  }
  require_state(args.input(cell.state), cell.batch * cell.units, DataType::float32);
  if (cell.y_stride == 0) cell.y_stride = cell.units;
  Shape expected = x.shape;
  expected[expected.rank() - 1] = static_cast<int32_t>(cell.y_stride);
  require_shape(y, expected);
  if (cell.aux == RnnCell::no_aux) return;
  const Operand& aux = args.input(cell.aux);
  require_type(aux, {DataType::float32});
  require_rank(aux, 3, 3);
  require_shape(aux, {x.shape[0], x.shape[1], aux.shape[2]});
  cell.aux_inputs = aux.shape[2];
  if (cell.aux_inputs < 1) fail(ErrorKind::bad_file, "{} is empty", aux.name);
}

struct Rnn {
  RnnCell cell;
  RowProduct input, aux, recurrent;
  int64_t sums_at = 0, aux_at = 0, recurrent_at = 0, products_at = 0, bytes = 0;

  void plan() {
    ScratchLayout layout;
    const int64_t values = checked_mul(cell.rows(), cell.units, "values of a sequence");
    sums_at = layout.add(values, sizeof(float));
    aux_at = layout.add(cell.aux_inputs > 0 ? values : 0, sizeof(float));
    recurrent_at = layout.add(checked_mul(cell.batch, cell.units, "units"), sizeof(float));
    products_at = layout.bytes;
    int64_t products =
        std::max(input.scratch_bytes(cell.rows()), recurrent.scratch_bytes(cell.batch));
    if (cell.aux_inputs > 0) products = std::max(products, aux.scratch_bytes(cell.rows()));
    bytes = layout.bytes + products;
  }

  void run(const InvokeArgs& args) const {
    auto* sums = reinterpret_cast<float*>(args.scratch + sums_at);
    auto* more = reinterpret_cast<float*>(args.scratch + recurrent_at);
    std::byte* products = args.scratch + products_at;
    const int64_t n = cell.units;
    input.run(args, args.in<float>(cell.x), cell.rows(), sums, products);
    if (cell.aux_inputs > 0) {
      auto* extra = reinterpret_cast<float*>(args.scratch + aux_at);
      aux.run(args, args.in<float>(cell.aux), cell.rows(), extra, products);
      for (int64_t i = 0; i < cell.rows() * n; ++i) sums[i] += extra[i];
    }
    float* state = state_of<float>(args, cell.state);
    float* y = args.out<float>(cell.y) + cell.y_offset;
    for (int64_t step = 0; step < cell.passes * cell.time; ++step) {
      const int64_t t = step % cell.time;
      recurrent.run(args, state, cell.batch, more, products);
      for (int64_t b = 0; b < cell.batch; ++b) {
        const float* from = sums + cell.row(t, b) * n;
        float* to = state + b * n;
        for (int64_t i = 0; i < n; ++i) to[i] = from[i] + more[b * n + i];
        activate(cell.activation, to, n, to);
        std::copy_n(to, n, y + cell.row(t, b) * cell.y_stride);
      }
    }
  }
};

Kernel rnn_kernel(const PrepareArgs& args, const RnnCell& cell) {
  auto rnn = std::make_shared<Rnn>();
  rnn->cell = cell;
  rnn->input =
      RowProduct(args, {{cell.weights}, {cell.bias}, cell.units, cell.inputs}, cell.asymmetric);
  rnn->recurrent =
      RowProduct(args, {{cell.recurrent}, {}, cell.units, cell.units}, cell.asymmetric);
  if (cell.aux_inputs > 0) {
    rnn->aux =
        RowProduct(args, {{cell.aux_weights}, {}, cell.units, cell.aux_inputs}, cell.asymmetric);
  }
  rnn->plan();
  return {[rnn](const InvokeArgs& run) { rnn->run(run); }, rnn->bytes};
}

void require_counts(const PrepareArgs& args, size_t inputs, size_t outputs) {
  if (args.inputs.size() == inputs && args.outputs.size() == outputs) return;
  fail(ErrorKind::bad_file, "it has {} operands and {} results; {} and {} are needed",
       args.inputs.size(), args.outputs.size(), inputs, outputs);
}

template <class Attributes>
RnnCell cell_of(const Attributes& a) {
  RnnCell cell;
  cell.asymmetric = a.asymmetric_quantize_inputs;
  cell.activation = a.activation;
  if constexpr (requires { a.time_major; }) cell.time_major = a.time_major;
  return cell;
}

/// RNN and UNIDIRECTIONAL_SEQUENCE_RNN.
template <class Attributes>
Kernel single_rnn(const PrepareArgs& args, int rank) {
  require_counts(args, 5, 1);
  RnnCell cell = cell_of(attributes_of<Attributes>(args));
  require_rank(args.input(0), rank, rank);
  read_cell(args, cell);
  return rnn_kernel(args, cell);
}

}  // namespace

Kernel prepare_rnn(const PrepareArgs& args) { return single_rnn<RnnAttributes>(args, 2); }

Kernel prepare_unidirectional_sequence_rnn(const PrepareArgs& args) {
  return single_rnn<SequenceRnnAttributes>(args, 3);
}

Kernel prepare_bidirectional_sequence_rnn(const PrepareArgs& args) {
  const auto& a = attributes_of<BidirectionalRnnAttributes>(args);
  require_counts(args, 12, a.merge_outputs ? 1 : 2);
  constexpr size_t kAux = 9, kAuxWeights = 10;
  RnnCell forward = cell_of(a);
  RnnCell backward = forward;
  backward.weights = 5;
  backward.recurrent = 6;
  backward.bias = 7;
  backward.state = 8;
  backward.reverse = true;
  require_rank(args.input(0), 3, 3);
  // Without weights of its own the auxiliary input is what the backward cell reads, but LiteRT's
  // kernel does so in time-major order only.
  if (args.has_input(kAuxWeights)) {
    forward.aux = backward.aux = kAux;
    forward.aux_weights = kAuxWeights;
    backward.aux_weights = kAuxWeights + 1;
  } else if (args.has_input(kAux)) {
    require_same_shape(args.input(0), args.input(kAux));
    if (a.time_major) backward.x = kAux;
  }
  if (a.merge_outputs) {
    const Operand& first = args.input(forward.weights);
    const Operand& second = args.input(backward.weights);
    require_rank(first, 2, 2);
    require_rank(second, 2, 2);
    backward.y_offset = first.shape[0];
    forward.y_stride = backward.y_stride = int64_t{first.shape[0]} + second.shape[0];
  } else {
    backward.y = 1;
  }
  read_cell(args, forward);
  read_cell(args, backward);
  if (a.time_major && args.input(forward.weights).type != DataType::float32) {
    forward.passes = backward.passes = forward.time;  // as LiteRT's hybrid kernel does
  }
  return in_sequence(rnn_kernel(args, forward), rnn_kernel(args, backward));
}

}  // namespace smelt
