#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [N,I], feature weights [F,I], time weights [F,T], bias, state -> [N,F/rank].
void infer_svdf(ShapeContext& context) {
  need_rank(context, 0, 2);
  need_rank(context, 1, 2);
  need_rank(context, 2, 2);
  const int32_t rank = context.op.as<SvdfAttributes>().rank;
  const Shape& x = context.shape(0);
  const Shape& features = context.shape(1);
  if (rank < 1 || features[0] % rank != 0 || features[1] != x[1] ||
      context.shape(2)[0] != features[0]) {
    fail(ErrorKind::bad_file, "weights {} and {} of rank {} do not fit an input of shape {}",
         to_string(features), to_string(context.shape(2)), rank, to_string(x));
  }
  context.set_output(0, {x[0], features[0] / rank});
}

/// Outputs of a cell whose recurrent weights of the output gate, [cells, outputs] or the diagonal
/// [cells], are operand i.
int32_t lstm_outputs(const ShapeContext& context, size_t i) {
  const Shape& weights = context.shape(i);
  if (weights.rank() < 1 || weights.rank() > 2) need_rank(context, i, 2);
  return weights.back();
}

/// x [N,T,I] or [T,N,I] -> [.., outputs].
void infer_sequence_lstm(ShapeContext& context) {
  need_rank(context, 0, 3);
  Shape y = context.shape(0);
  y[2] = lstm_outputs(context, 8);
  context.set_output(0, y);
}

/// x [N,I], previous output [N,O], weights, bias, previous state -> output and state [N,O], and the
/// scratch results [N,I+O], [N,4 O].
void infer_basic_lstm(ShapeContext& context) {
  need_rank(context, 1, 2);
  if (context.output_count() != 4) {
    fail(ErrorKind::bad_file, "it has {} results; the basic form has 4", context.output_count());
  }
  const Shape& x = context.shape(0);
  const Shape& previous = context.shape(1);
  context.set_output(0, previous);
  context.set_output(1, context.shape(4));
  context.set_output(2, checked_shape({x[0], int64_t{x[1]} + previous[1]}));
  context.set_output(3, checked_shape({x[0], int64_t{4} * previous[1]}));
}

/// x [N,I] -> [N, outputs].
void infer_lstm(ShapeContext& context) {
  need_rank(context, 0, 2);
  if (context.op.as<LstmAttributes>().basic) return infer_basic_lstm(context);
  context.set_output(0, {context.shape(0)[0], lstm_outputs(context, 8)});
}

/// x [N,I], weights [units,I] -> [N,units].
void infer_rnn(ShapeContext& context) {
  need_rank(context, 0, 2);
  need_rank(context, 1, 2);
  context.set_output(0, {context.shape(0)[0], context.shape(1)[0]});
}

void infer_sequence_rnn(ShapeContext& context) {
  need_rank(context, 0, 3);
  need_rank(context, 1, 2);
  Shape y = context.shape(0);
  y[2] = context.shape(1)[0];
  context.set_output(0, y);
}

/// Results of two cells, side by side where they are merged.
void set_both_directions(ShapeContext& context, bool merged, int32_t forward, int32_t backward) {
  need_rank(context, 0, 3);
  const Shape& x = context.shape(0);
  if (context.output_count() != (merged ? 1 : 2)) {
    fail(ErrorKind::bad_file, "it has {} results where merge_outputs is {}", context.output_count(),
         merged);
  }
  const int64_t first = merged ? int64_t{forward} + backward : forward;
  context.set_output(0, checked_shape({x[0], x[1], first}));
  if (!merged) context.set_output(1, {x[0], x[1], backward});
}

void infer_bidirectional_lstm(ShapeContext& context) {
  set_both_directions(context, context.op.as<BidirectionalLstmAttributes>().merge_outputs,
                      lstm_outputs(context, 8), lstm_outputs(context, 25));
}

void infer_bidirectional_rnn(ShapeContext& context) {
  need_rank(context, 1, 2);
  need_rank(context, 5, 2);
  set_both_directions(context, context.op.as<BidirectionalRnnAttributes>().merge_outputs,
                      context.shape(1)[0], context.shape(5)[0]);
}

/// Integer kernels take scales for the state and for every gate (quantize/recurrent_plan).
/// `weight`: an operand with weights that every form of the op has.
QuantizationRule with_state(int weight) { return {.supported = true, .weight = weight}; }

}  // namespace

void define_recurrent(OpTable& table) {
  table[OpType::svdf] = row(5, 5, infer_svdf, with_state(1));
  table[OpType::unidirectional_sequence_lstm] = row(20, 24, infer_sequence_lstm, with_state(2));
  table[OpType::lstm] = row(5, 24, infer_lstm, with_state(2));
  table[OpType::lstm].max_outputs = 4;
  table[OpType::rnn] = row(5, 5, infer_rnn, float_only(kNoLiteRtKernel));
  table[OpType::unidirectional_sequence_rnn] =
      row(5, 5, infer_sequence_rnn, float_only(kNoLiteRtKernel));
  table[OpType::bidirectional_sequence_lstm] =
      row(39, 48, infer_bidirectional_lstm, float_only(kNoLiteRtKernel));
  table[OpType::bidirectional_sequence_lstm].max_outputs = 2;
  table[OpType::bidirectional_sequence_rnn] =
      row(9, 12, infer_bidirectional_rnn, float_only(kNoLiteRtKernel));
  table[OpType::bidirectional_sequence_rnn].max_outputs = 2;
}

}  // namespace smelt
