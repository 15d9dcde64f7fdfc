#pragma once

#include "smelt/formats/tflite/budget.h"
#include "smelt/formats/tflite/shared_pool.h"
#include "smelt/ir/tensor.h"

namespace smelt::tflite {
namespace schema {
struct SparsityParameters;
}

/// How a constant of `shape` is stored sparsely, checked so that a kernel may walk it: axes and
/// blocks are permutations that fit the shape, segments rise, indices stay within their axis, and
/// `stored` values are what the walk reaches.
Sparsity read_sparsity(const schema::SparsityParameters& from, const Shape& shape, Budget& budget);
void check_sparsity(const Sparsity& sparsity, const Shape& shape, int64_t stored);

flatbuffers::Offset<schema::SparsityParameters> write_sparsity(const Sparsity& from,
                                                               SharedPool& pool);

}  // namespace smelt::tflite
