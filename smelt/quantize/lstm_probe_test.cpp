#include "smelt/quantize/lstm_probe.h"

#include "smelt/quantize/calibrate.h"
#include "smelt/quantize/recurrent_models.h"
#include "smelt/quantize/recurrent_stats.h"

namespace smelt {
namespace {

TEST(LstmProbe, CellStatesOfAllStepsAreThoseOfTheCellInDouble) {
  TestRandom random(2);
  for (int i = 0; i < 40; ++i) {
    const TestCell c = random_cell(random);
    SCOPED_TRACE(testing::Message() << "cell " << i);
    const Model model = lstm_model(c);
    const Op& op = model.main().op(model.main().ops().front());
    ASSERT_TRUE(LstmProbe::fits(model.main(), op));
    const Values x = random.floats(c.x_values(), -1, 1);
    const LstmValues values = LstmProbe(model.main(), op).run(x, c.lead(c.inputs));
    ASSERT_EQ(values.cell_state.size(), static_cast<size_t>(c.time) * c.batch * c.cells);
    EXPECT_EQ(values.hidden.empty(), !c.projection);
    EXPECT_EQ(values.sums[kForgetGate].empty(), !c.norm);
    EXPECT_EQ(values.sums[kInputGate].empty(), !c.norm || c.coupled);
    CellOracle cell(c);
    std::vector<double> y(static_cast<size_t>(c.time) * c.batch * c.outputs);
    size_t at = 0;
    for (int64_t b = 0; b < c.batch; ++b) {
      for (int64_t t = 0; t < c.time; ++t) {
        cell.step(b, x.data() + c.row(t, b) * c.inputs, y, c.row(t, b) * c.outputs);
        for (int64_t n = 0; n < c.cells; ++n, ++at) {
          ASSERT_NEAR(values.cell_state[at], cell.cell_state[b * c.cells + n], 2e-4);
        }
      }
    }
  }
}

TEST(LstmProbe, ActivationsBesideTanhDoNotFit) {
  TestRandom random(3);
  Model model = lstm_model(plain_cell(random));
  const OpId id = model.main().ops().front();
  model.main().set_op_kind(id, OpType::unidirectional_sequence_lstm,
                           SequenceLstmAttributes{.activation = Activation::relu});
  EXPECT_FALSE(LstmProbe::fits(model.main(), model.main().op(id)));
}

TEST(RecurrentObserver, RangesCoverAllStepsWhateverTheNumberOfThreads) {
  TestRandom random(7);
  TestCell c = plain_cell(random);
  c.time_major = false;
  c.time = 6;
  Model model = lstm_model(c);
  complete_recurrent(model.main());
  const Op op = model.main().op(model.main().ops().front());
  const DatasetPtr data = random_dataset(50, {c.time, c.inputs});
  const auto ranges = [&](int threads) {
    const Stats stats = calibrate(model, data, {.threads = threads});
    const TensorStats& state = stats.tensors.at(op.input(19));
    return std::vector<double>{static_cast<double>(state.count), state.min, state.max};
  };
  const std::vector<double> seen = ranges(1);
  EXPECT_EQ(seen, ranges(3));
  EXPECT_EQ(seen[0], 50.0 * c.time * c.cells);
  double low = 0, high = 0;
  for (int64_t i = 0; i < data->size(); ++i) {
    std::vector<float> x;
    data->load(i, 0, x);
    CellOracle cell(c);
    std::vector<double> y(static_cast<size_t>(c.time) * c.outputs);
    for (int64_t t = 0; t < c.time; ++t) {
      cell.step(0, x.data() + t * c.inputs, y, t * c.outputs);
      for (const double v : cell.cell_state) low = std::min(low, v), high = std::max(high, v);
    }
  }
  EXPECT_NEAR(seen[1], low, 1e-4);
  EXPECT_NEAR(seen[2], high, 1e-4);
}

}  // namespace
}  // namespace smelt
