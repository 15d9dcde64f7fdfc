#include "smelt/train/layers/one_op.h"

namespace smelt::train {
namespace {

TEST(MatmulLayer, MultipliesValuesAndParameters) {
  uint64_t seed = 0;
  for (const bool adj_x : {false, true}) {
    for (const bool adj_y : {false, true}) {
      const Shape x = adj_x ? Shape{1, 2, 4, 3} : Shape{1, 2, 3, 4};
      const Shape y = adj_y ? Shape{1, 2, 5, 4} : Shape{1, 2, 4, 5};
      const Shape one = adj_y ? Shape{5, 4} : Shape{4, 5};
      const BatchMatMulAttributes a{adj_x, adj_y};
      OneOp(OpType::batch_matmul, a, ++seed).value(x).value(y).check();
      OneOp(OpType::batch_matmul, a, ++seed).value(x).parameter(one).check();
      OneOp(OpType::batch_matmul, a, ++seed).parameter(x).value(y).check();
    }
  }
  OneOp(OpType::batch_matmul, BatchMatMulAttributes{}, 20)
      .value({1, 3, 2, 4})
      .value({1, 1, 4, 3})
      .check();
}

TEST(TransposeConvLayer, AddsUpWhereFiltersOverlap) {
  uint64_t seed = 30;
  for (const Padding padding : {Padding::same, Padding::valid}) {
    const bool same = padding == Padding::same;
    TransposeConv2DAttributes a{.padding = padding, .stride_h = 2, .stride_w = 1};
    OneOp(OpType::transpose_conv, a, ++seed)
        .indices({1, same ? 6 : 7, same ? 4 : 5, 3})
        .parameter({3, 3, 2, 2})
        .value({1, 3, 4, 2})
        .parameter({3})
        .check();
    a.activation = Activation::relu;
    OneOp(OpType::transpose_conv, a, ++seed)
        .indices({1, same ? 6 : 7, same ? 4 : 5, 3})
        .parameter({3, 3, 2, 2})
        .value({1, 3, 4, 2})
        .check();
  }
}

TEST(EmbeddingLayer, TrainsRowsOfATable) {
  OneOp(OpType::gather, GatherAttributes{}, 40).parameter({6, 3}).integers({1, 4}, -7, 7).check();
  OneOp(OpType::embedding_lookup, NoAttributes{}, 42).integers({4}, 0, 5).parameter({6, 3}).check();
  OneOp(OpType::gather, GatherAttributes{.axis = 1}, 41)
      .value({1, 4, 2})
      .indices({3, 0, 0})
      .check();
}

TEST(ResizeBilinearLayer, MixesFourCells) {
  uint64_t seed = 50;
  for (const std::vector<int32_t>& size : {std::vector<int32_t>{5, 6}, {2, 2}, {3, 7}}) {
    for (const ResizeAttributes a : {ResizeAttributes{}, ResizeAttributes{.align_corners = true},
                                     ResizeAttributes{.half_pixel_centers = true}}) {
      OneOp(OpType::resize_bilinear, a, ++seed).value({1, 3, 4, 2}).indices(size).check();
    }
  }
}

TEST(CumsumLayer, SumsBothWays) {
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      OneOp(OpType::cumsum, CumsumAttributes{exclusive, reverse}, 60)
          .value({1, 4, 3})
          .indices(Shape{}, {1})
          .check();
    }
  }
}

TEST(BatchNormLayer, NormalizesByTheBatch) {
  for (const int32_t axis : {-1, 1}) {
    const int32_t channels = axis == 1 ? 3 : 2;
    OneOp(OpType::batch_normalization, BatchNormalizationAttributes{.axis = axis}, 70)
        .value({1, 3, 4, 2})
        .parameter({channels})
        .parameter({channels})
        .statistic({channels}, -0.2f, 0.2f)
        .statistic({channels}, 0.5f, 1.5f)
        .check();
  }
}

}  // namespace
}  // namespace smelt::train
