#include "smelt/run/densify.h"

#include <gtest/gtest.h>

namespace smelt {
namespace {

using Values = std::vector<float>;

Tensor sparse(Shape shape, const Values& stored, Sparsity sparsity) {
  Tensor tensor{.name = "w", .shape = std::move(shape)};
  tensor.data = Buffer::of(stored);
  tensor.is_constant = true;
  tensor.sparsity = std::make_shared<const Sparsity>(std::move(sparsity));
  return tensor;
}

Values dense(const Tensor& tensor) {
  const Buffer buffer = densify(tensor);
  const auto values = buffer.as<float>();
  return {values.begin(), values.end()};
}

/// [[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]] as compressed rows.
Sparsity rows() {
  return {.traversal_order = {0, 1},
          .dimensions = {{.dense_size = 3},
                         {.compressed = true,
                          .dense_size = 4,
                          .segments = std::vector<int32_t>{0, 2, 2, 3},
                          .indices = std::vector<uint8_t>{1, 3, 0}}}};
}

TEST(Densify, CompressedRows) {
  EXPECT_EQ(dense(sparse({3, 4}, {1, 2, 3}, rows())), (Values{0, 1, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0}));
}

TEST(Densify, CompressedColumns) {
  Sparsity columns = rows();
  columns.traversal_order = {1, 0};
  EXPECT_EQ(dense(sparse({4, 3}, {1, 2, 3}, columns)),
            (Values{0, 0, 3, 1, 0, 0, 0, 0, 0, 2, 0, 0}));
}

TEST(Densify, Blocks) {
  // A 4x4 of 2x2 blocks: only block (0, 1) and (1, 0) are stored.
  const Sparsity blocks{.traversal_order = {0, 1, 2, 3},
                        .block_map = {0, 1},
                        .dimensions = {{.dense_size = 2},
                                       {.compressed = true,
                                        .dense_size = 2,
                                        .segments = std::vector<int32_t>{0, 1, 2},
                                        .indices = std::vector<int32_t>{1, 0}},
                                       {.dense_size = 2},
                                       {.dense_size = 2}}};
  EXPECT_EQ(dense(sparse({4, 4}, {1, 2, 3, 4, 5, 6, 7, 8}, blocks)),
            (Values{0, 0, 1, 2, 0, 0, 3, 4, 5, 6, 0, 0, 7, 8, 0, 0}));
}

TEST(Densify, MalformedIndicesAreRefused) {
  const auto refused = [](auto change) {
    Sparsity s = rows();
    change(s);
    EXPECT_THROW(densify(sparse({3, 4}, {1, 2, 3}, s)), Error);
  };
  using Segments = std::vector<int32_t>;
  using Indices = std::vector<uint8_t>;
  refused([](Sparsity& s) { s.dimensions[1].indices = Indices{1, 4, 0}; });
  refused([](Sparsity& s) { s.dimensions[1].indices = Indices{1}; });
  refused([](Sparsity& s) { s.dimensions[1].indices = std::monostate{}; });
  refused([](Sparsity& s) { s.dimensions[1].segments = Segments{0, 2, 2}; });
  refused([](Sparsity& s) { s.dimensions[1].segments = Segments{-1, 2, 2, 3}; });
  refused([](Sparsity& s) { s.dimensions[1].segments = Segments{0, 2, 2, 900}; });
  refused([](Sparsity& s) { s.dimensions[0].dense_size = 1 << 30; });
  refused([](Sparsity& s) { s.traversal_order = {0, 0}; });
  refused([](Sparsity& s) { s.traversal_order = {0}; });
  refused([](Sparsity& s) { s.block_map = {9}; });
  EXPECT_THROW(densify(sparse({3, 4}, {1, 2}, rows())), Error);
}

}  // namespace
}  // namespace smelt
