#include "smelt/train/layers/one_op.h"

namespace smelt::train {
namespace {

TEST(UnaryLayer, ComputesEveryFunctionAndItsSlope) {
  for (const OpType type : {OpType::relu, OpType::relu_n1_to_1, OpType::relu_0_to_1, OpType::elu,
                            OpType::logistic, OpType::tanh, OpType::abs, OpType::neg, OpType::exp,
                            OpType::square, OpType::sin, OpType::cos, OpType::sign}) {
    OneOp(type, default_attributes(type), 1).value({1, 3, 7}).check();
  }
  for (const OpType type : {OpType::relu6, OpType::hard_swish}) {
    OneOp(type, default_attributes(type), 2).value({1, 5, 8}, -4, 8).check();
  }
  for (const OpType type : {OpType::log, OpType::sqrt, OpType::rsqrt}) {
    OneOp(type, default_attributes(type), 3).value({1, 5, 3}, 0.5f, 3).check();
  }
  for (const bool approximate : {false, true}) {
    OneOp(OpType::gelu, GeluAttributes{approximate}, 4).value({1, 4, 4}, -3, 3).check();
  }
  OneOp(OpType::leaky_relu, LeakyReluAttributes{0.3f}, 5).value({1, 9}).check();
}

TEST(UnaryLayer, LetsGradientsPassSteps) {
  for (const OpType type : {OpType::floor, OpType::ceil, OpType::round}) {
    OneOp(type, NoAttributes{}, 6).value({1, 9}).only_forward().check();
  }
}

TEST(UnaryLayer, TakesAParameter) {
  OneOp(OpType::tanh, NoAttributes{}, 7).parameter({1, 5}).check();
}

TEST(BinaryLayer, ComputesEveryFunctionAndItsSlopes) {
  for (const OpType type : {OpType::add, OpType::sub, OpType::mul, OpType::squared_difference}) {
    OneOp(type, default_attributes(type), 11).value({1, 3, 5}).value({1, 3, 5}).check();
  }
  for (const OpType type : {OpType::div, OpType::atan2, OpType::pow}) {
    OneOp(type, default_attributes(type), 12)
        .value({1, 2, 6}, 0.5f, 2)
        .value({1, 2, 6}, 0.5f, 2)
        .check();
  }
  for (const OpType type : {OpType::maximum, OpType::minimum}) {
    // Ranges that the grid never lets meet.
    OneOp(type, NoAttributes{}, 13).value({1, 4, 4}).value({1, 4, 4}, -1.992f, 2.008f).check();
  }
}

TEST(BinaryLayer, Broadcasts) {
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{1, 3, 2, 4}, {1, 1, 1, 4}}, {{1, 3, 2, 4}, {4}}, {{1, 3, 2, 4}, {1, 3, 2, 1}},
      {{1, 3, 1}, {1, 1, 4}},       {{1, 3, 2, 4}, {1}}, {{1, 2, 3}, {1, 1, 1}},
      {{1, 2, 1, 3}, {1, 1, 4, 1}}, {{3, 2}, {1, 2}}};
  uint64_t seed = 20;
  for (const auto& [a, b] : shapes) {
    OneOp(OpType::mul, FusedAttributes{}, ++seed).value(a).value(b).check();
    OneOp(OpType::sub, ArithmeticAttributes{}, ++seed).value(b).value(a).check();
    OneOp(OpType::mul, FusedAttributes{}, ++seed).value(a).parameter(b).check();
    OneOp(OpType::sub, ArithmeticAttributes{}, ++seed).constant(b).value(a).check();
  }
  OneOp(OpType::add, ArithmeticAttributes{}, ++seed).value({1, 2}).parameter({1, 3, 2}).check();
}

TEST(BinaryLayer, FusesActivations) {
  for (const Activation activation :
       {Activation::relu, Activation::relu6, Activation::relu_n1_to_1}) {
    OneOp(OpType::add, ArithmeticAttributes{activation}, 41).value({1, 8}).value({1, 8}).check();
    OneOp(OpType::mul, FusedAttributes{activation}, 62).value({1, 8}).parameter({8}).check();
  }
}

TEST(BinaryLayer, TakesOneTensorTwice) {
  OneOp(OpType::mul, FusedAttributes{}, 43).value({1, 6}).again(0).check();
  OneOp(OpType::add, ArithmeticAttributes{}, 44).value({1, 6}).again(0).check();
}

TEST(BinaryLayer, TrainsSlopes) {
  OneOp(OpType::prelu, NoAttributes{}, 45).value({1, 3, 2, 5}).parameter({1, 1, 5}).check();
  OneOp(OpType::prelu, NoAttributes{}, 46).value({1, 3, 2, 5}).parameter({3, 2, 5}).check();
}

TEST(SumLayer, AddsAllOperands) {
  OneOp(OpType::add_n, NoAttributes{}, 47).value({1, 6}).value({1, 6}).parameter({1, 6}).check();
}

TEST(SelectLayer, ChoosesByValues) {
  const auto select = [](OpType type, uint64_t seed, const Shape& condition) {
    OneOp op(type, NoAttributes{}, seed);
    op.integers(condition, 0, 1, DataType::boolean).value({1, 3, 4}).value({1, 3, 4}).check();
  };
  select(OpType::select, 51, {1, 3, 4});
  select(OpType::select, 52, {1});
  select(OpType::select_v2, 53, {1, 3, 1});
  OneOp fixed(OpType::select_v2, NoAttributes{}, 55);
  fixed.truths({1, 3, 1}, {1, 0, 1}).value({1, 3, 4}).value({1, 3, 4}).check();
  OneOp op(OpType::select_v2, NoAttributes{}, 54);
  op.integers({1, 3, 4}, 0, 1, DataType::boolean).value({1, 1, 4}).parameter({1}).check();
}

}  // namespace
}  // namespace smelt::train
