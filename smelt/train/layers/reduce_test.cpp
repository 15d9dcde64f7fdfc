#include "smelt/train/layers/one_op.h"

namespace smelt::train {
namespace {

TEST(ReduceLayer, ComputesEveryReduction) {
  uint64_t seed = 0;
  for (const OpType type :
       {OpType::mean, OpType::sum, OpType::reduce_max, OpType::reduce_min, OpType::reduce_prod}) {
    for (const std::vector<int32_t>& axes :
         {std::vector<int32_t>{1}, {2}, {1, 2}, {1, 3}, {-1}, {3, 2, 1}}) {
      for (const bool keep : {false, true}) {
        OneOp(type, ReduceAttributes{keep}, ++seed)
            .value({1, 3, 2, 4}, 0.5f, 1.5f)
            .indices(axes)
            .check();
      }
    }
  }
}

TEST(PoolLayer, CountsOnlyRealCells) {
  uint64_t seed = 100;
  for (const OpType type : {OpType::max_pool_2d, OpType::average_pool_2d, OpType::l2_pool_2d}) {
    for (const Padding padding : {Padding::same, Padding::valid}) {
      OneOp(type, Pool2DAttributes{padding, 2, 1, 3, 2}, ++seed).value({1, 5, 4, 3}).check();
      OneOp(type, Pool2DAttributes{padding, 2, 2, 2, 2}, ++seed).value({1, 4, 4, 5}).check();
    }
  }
  OneOp(OpType::max_pool_2d, Pool2DAttributes{Padding::same, 1, 1, 2, 2, Activation::relu}, 120)
      .value({1, 4, 3, 2})
      .check();
  OneOp(OpType::average_pool_2d, Pool2DAttributes{Padding::same, 1, 1, 2, 2, Activation::relu6},
        121)
      .value({1, 4, 3, 2})
      .check();
}

TEST(RowWiseLayer, ComputesRowsOfTheLastAxis) {
  OneOp(OpType::softmax, SoftmaxAttributes{}, 130).value({1, 5}).check();
  OneOp(OpType::softmax, SoftmaxAttributes{0.5f}, 131).value({1, 3, 4}).check();
  OneOp(OpType::log_softmax, NoAttributes{}, 132).value({1, 3, 4}).check();
  const LocalResponseNormalizationAttributes a{
      .radius = 2, .bias = 1, .alpha = 0.5f, .beta = 0.75f};
  OneOp(OpType::local_response_normalization, a, 134).value({1, 2, 2, 6}).check();
  OneOp(OpType::l2_normalization, FusedAttributes{}, 133).value({1, 3, 4}).check();
}

}  // namespace
}  // namespace smelt::train
