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

/// x [N,T,I] or [T,N,I]; the recurrent weights of the output gate are operand 8 [cells, outputs].
void infer_sequence_lstm(ShapeContext& context) {
  need_rank(context, 0, 3);
  need_rank(context, 8, 2);
  Shape y = context.shape(0);
  y[2] = context.shape(8)[1];
  context.set_output(0, y);
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

}  // namespace

void define_recurrent(OpTable& table) {
  table[OpType::svdf] = row(5, 5, infer_svdf, float_only(kStateful));
  table[OpType::unidirectional_sequence_lstm] =
      row(20, 24, infer_sequence_lstm, float_only(kStateful));
  table[OpType::lstm] = row(5, 24, nullptr, float_only(kStateful));
  table[OpType::lstm].max_outputs = 4;
  table[OpType::rnn] = row(5, 5, infer_rnn, float_only(kStateful));
  table[OpType::unidirectional_sequence_rnn] = row(5, 5, infer_sequence_rnn, float_only(kStateful));
  for (const OpType type :
       {OpType::bidirectional_sequence_lstm, OpType::bidirectional_sequence_rnn}) {
    table[type] = row(5, 48, nullptr, float_only(kStateful));
    table[type].max_outputs = 2;
  }
}

}  // namespace smelt
