#include "smelt/train/layers/one_op.h"

namespace smelt::train {
namespace {

constexpr int32_t kTime = 4, kInputs = 3, kUnits = 5;

OneOp recurrent(const RecurrentAttributes& a, uint64_t seed, bool recurrent_bias = false) {
  const int32_t columns = a.gates() * kUnits;
  OneOp op(OpType::recurrent, a, seed);
  op.value({1, kTime, kInputs})
      .parameter({columns, kInputs}, -1, 1)
      .parameter({columns, kUnits}, -1, 1)
      .parameter({columns}, -1, 1);
  if (recurrent_bias) {
    op.parameter({columns}, -1, 1);
  } else {
    op.absent();
  }
  return op;
}

TEST(RecurrentLayer, TrainsEveryCell) {
  uint64_t seed = 0;
  for (const bool sequences : {false, true}) {
    for (const RecurrentCell cell :
         {RecurrentCell::simple, RecurrentCell::lstm, RecurrentCell::gru}) {
      recurrent({.cell = cell, .return_sequences = sequences}, ++seed).check();
    }
    recurrent({.cell = RecurrentCell::gru, .reset_after = true, .return_sequences = sequences},
              ++seed, true)
        .check();
  }
}

TEST(RecurrentLayer, KnowsEveryActivation) {
  for (int i = 0; i <= static_cast<int>(CellActivation::hard_swish); ++i) {
    const auto activation = static_cast<CellActivation>(i);
    if (activation == CellActivation::exponential) continue;  // grows too fast for differences
    SCOPED_TRACE(name(activation));
    recurrent({.cell = RecurrentCell::simple, .activation = activation}, 20).check();
  }
  recurrent({.cell = RecurrentCell::lstm,
             .activation = CellActivation::softsign,
             .recurrent_activation = CellActivation::gelu},
            21)
      .check();
  recurrent({.cell = RecurrentCell::gru,
             .activation = CellActivation::swish,
             .recurrent_activation = CellActivation::hard_sigmoid},
            22)
      .check();
}

TEST(RecurrentLayer, SkipsMaskedSteps) {
  uint64_t seed = 40;
  for (const bool zero : {false, true}) {
    for (const bool backwards : {false, true}) {
      for (const RecurrentCell cell :
           {RecurrentCell::simple, RecurrentCell::lstm, RecurrentCell::gru}) {
        for (const bool reset_after : {false, true}) {
          if (reset_after && cell != RecurrentCell::gru) continue;
          recurrent({.cell = cell,
                     .reset_after = reset_after,
                     .return_sequences = true,
                     .go_backwards = backwards,
                     .zero_output_for_mask = zero},
                    ++seed)
              .integers({1, kTime}, 0, 1, DataType::boolean)
              .check();
        }
      }
    }
  }
  recurrent({.cell = RecurrentCell::lstm}, ++seed)
      .integers({1, kTime}, 0, 1, DataType::boolean)
      .check();
}

TEST(RecurrentLayer, TakesAndGivesStates) {
  uint64_t seed = 80;
  for (const bool shared : {false, true}) {
    for (const RecurrentCell cell : {RecurrentCell::lstm, RecurrentCell::gru}) {
      OneOp op = recurrent({.cell = cell, .return_sequences = true}, ++seed);
      op.absent();
      for (size_t i = 0; i < RecurrentAttributes{.cell = cell}.states(); ++i) {
        if (shared) {
          op.parameter({1, kUnits}, -1, 1);
        } else {
          op.value({1, kUnits}, -1, 1);
        }
      }
      op.results(1 + RecurrentAttributes{.cell = cell}.states()).check();
    }
  }
}

TEST(RecurrentLayer, TakesSeveralSequencesInASample) {
  OneOp op(OpType::recurrent, RecurrentAttributes{.return_sequences = true}, 90);
  op.value({2, kTime, kInputs}).parameter({20, kInputs}, -1, 1).parameter({20, kUnits}, -1, 1);
  op.check();
}

OneOp sequence_lstm(const SequenceLstmAttributes& a, Shape x, uint64_t seed) {
  OneOp op(OpType::unidirectional_sequence_lstm, a, seed);
  const int32_t inputs = x[2];
  op.value(std::move(x));
  for (int gate = 0; gate < 4; ++gate) op.parameter({kUnits, inputs}, -1, 1);
  for (int gate = 0; gate < 4; ++gate) op.parameter({kUnits, kUnits}, -1, 1);
  for (int i = 0; i < 3; ++i) op.absent();
  for (int gate = 0; gate < 4; ++gate) op.parameter({kUnits}, -1, 1);
  for (int i = 0; i < 2; ++i) op.absent();
  for (int i = 0; i < 2; ++i) op.variable({1, kUnits});
  for (int i = 0; i < 4; ++i) op.absent();
  return op;
}

TEST(RecurrentLayer, TrainsTheLstmOfTfliteFiles) {
  SequenceLstmAttributes a{.activation = Activation::tanh};
  sequence_lstm(a, {1, kTime, kInputs}, 91).check();
  a.cell_clip = 0.3f;
  sequence_lstm(a, {1, kTime, kInputs}, 92).check();
  a = {.activation = Activation::relu, .time_major = true};
  sequence_lstm(a, {kTime, 1, kInputs}, 93).check();
}

TEST(RecurrentLayer, DropsInputsAndStates) {
  uint64_t seed = 100;
  for (const RecurrentCell cell :
       {RecurrentCell::simple, RecurrentCell::lstm, RecurrentCell::gru}) {
    recurrent({.cell = cell, .return_sequences = true, .dropout = 0.4f, .recurrent_dropout = 0.3f},
              ++seed)
        .integers({1, kTime}, 0, 1, DataType::boolean)
        .check();
  }
}

TEST(RecurrentLayer, TrainsTheSimpleLayerOfTfliteFiles) {
  for (const bool time_major : {false, true}) {
    OneOp op(OpType::unidirectional_sequence_rnn,
             SequenceRnnAttributes{.time_major = time_major, .activation = Activation::tanh}, 110);
    op.value(time_major ? Shape{kTime, 1, kInputs} : Shape{1, kTime, kInputs})
        .parameter({kUnits, kInputs}, -1, 1)
        .parameter({kUnits, kUnits}, -1, 1)
        .parameter({kUnits}, -1, 1)
        .variable({1, kUnits})
        .check();
  }
}

}  // namespace
}  // namespace smelt::train
