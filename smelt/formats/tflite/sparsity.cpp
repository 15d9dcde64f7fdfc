#include "smelt/formats/tflite/sparsity.h"

#include <algorithm>
#include <numeric>

#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

using flatbuffers::Offset;
using Indices = Sparsity::Indices;

Indices read_indices(schema::SparseIndexVector kind, const void* table, Budget& budget) {
  if (table == nullptr) return {};
  switch (kind) {
    case schema::SparseIndexVector::Int32Vector:
      return to_vector(static_cast<const schema::Int32Vector*>(table)->values(), budget);
    case schema::SparseIndexVector::Uint16Vector:
      return to_vector(static_cast<const schema::Uint16Vector*>(table)->values(), budget);
    case schema::SparseIndexVector::Uint8Vector:
      return to_vector(static_cast<const schema::Uint8Vector*>(table)->values(), budget);
    default:
      return {};
  }
}

constexpr size_t kIndexAlignment = 4;  // by the schema

struct IndicesWriter {
  SharedPool& pool;
  schema::SparseIndexVector kind = schema::SparseIndexVector::NONE;

  Offset<void> operator()(std::monostate) { return 0; }
  Offset<void> operator()(const std::vector<int32_t>& values) {
    kind = schema::SparseIndexVector::Int32Vector;
    return schema::CreateInt32Vector(pool.builder(), pool.vector(values)).Union();
  }
  Offset<void> operator()(const std::vector<uint16_t>& values) {
    kind = schema::SparseIndexVector::Uint16Vector;
    return schema::CreateUint16Vector(pool.builder(), pool.vector(values, kIndexAlignment)).Union();
  }
  Offset<void> operator()(const std::vector<uint8_t>& values) {
    kind = schema::SparseIndexVector::Uint8Vector;
    return schema::CreateUint8Vector(pool.builder(), pool.vector(values, kIndexAlignment)).Union();
  }
};

/// The values in one width, whatever the file chose.
std::vector<int64_t> widened(const Indices& indices) {
  return std::visit(
      [](const auto& values) -> std::vector<int64_t> {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, std::monostate>) {
          return {};
        } else {
          return {values.begin(), values.end()};
        }
      },
      indices);
}

bool is_permutation_from(std::vector<int32_t> values, int32_t first) {
  std::sort(values.begin(), values.end());
  for (const int32_t value : values) {
    if (value != first++) return false;
  }
  return true;
}

/// Sizes of the axes and then of the blocks, as the walk meets them: a blocked axis counts blocks.
std::vector<int64_t> level_sizes(const Sparsity& sparsity, const Shape& shape) {
  const size_t rank = static_cast<size_t>(shape.rank());
  std::vector<int64_t> sizes(shape.dims().begin(), shape.dims().end());
  sizes.resize(sparsity.traversal_order.size());
  for (size_t i = 0; i < sparsity.block_map.size(); ++i) {
    const int64_t block = sparsity.dimensions[rank + i].dense_size;
    const int32_t axis = sparsity.block_map[i];
    if (block <= 0 || axis < 0 || static_cast<size_t>(axis) >= rank ||
        sizes[static_cast<size_t>(axis)] % block != 0) {
      fail(ErrorKind::bad_file, "sparse blocks of {} along axis {} of {}", block, axis,
           smelt::to_string(shape));
    }
    sizes[static_cast<size_t>(sparsity.traversal_order[rank + i])] = block;
    sizes[static_cast<size_t>(axis)] /= block;
  }
  return sizes;
}

/// Positions that a compressed level reaches from `parents` positions above it.
int64_t walk_compressed(const Sparsity::Dimension& level, int64_t parents, int64_t size) {
  const std::vector<int64_t> segments = widened(level.segments), indices = widened(level.indices);
  const bool shaped = static_cast<int64_t>(segments.size()) == parents + 1 && segments[0] == 0 &&
                      std::is_sorted(segments.begin(), segments.end()) &&
                      segments.back() == static_cast<int64_t>(indices.size());
  const bool within = std::all_of(indices.begin(), indices.end(),
                                  [&](int64_t index) { return index >= 0 && index < size; });
  if (!shaped || !within) {
    fail(ErrorKind::bad_file, "a compressed axis of its sparsity has bad segments or indices");
  }
  return static_cast<int64_t>(indices.size());
}

}  // namespace

Sparsity read_sparsity(const schema::SparsityParameters& from, const Shape& shape, Budget& budget) {
  Sparsity sparsity;
  sparsity.traversal_order = to_vector(from.traversal_order(), budget);
  sparsity.block_map = to_vector(from.block_map(), budget);
  const size_t levels = from.dim_metadata() == nullptr ? 0 : from.dim_metadata()->size();
  const auto rank = static_cast<size_t>(shape.rank());
  const std::vector<int32_t>& order = sparsity.traversal_order;
  if (levels != order.size() || levels != rank + sparsity.block_map.size() ||
      !is_permutation_from({order.begin(), order.begin() + shape.rank()}, 0) ||
      !is_permutation_from({order.begin() + shape.rank(), order.end()}, shape.rank())) {
    fail(ErrorKind::bad_file, "sparsity of {} levels does not fit {}", levels,
         smelt::to_string(shape));
  }
  for (size_t i = 0; i < levels; ++i) {
    const schema::DimensionMetadata& level = *from.dim_metadata()->Get(i);
    const auto format = static_cast<int>(level.format());
    if (format < 0 || format > 1) fail(ErrorKind::bad_file, "sparsity of format {}", format);
    sparsity.dimensions.push_back(
        {.compressed = level.format() == schema::DimensionType::SPARSE_CSR,
         .dense_size = level.dense_size(),
         .segments = read_indices(level.array_segments_type(), level.array_segments(), budget),
         .indices = read_indices(level.array_indices_type(), level.array_indices(), budget)});
  }
  return sparsity;
}

void check_sparsity(const Sparsity& sparsity, const Shape& shape, int64_t stored) {
  const std::vector<int64_t> sizes = level_sizes(sparsity, shape);
  int64_t positions = 1;
  for (size_t i = 0; i < sparsity.dimensions.size(); ++i) {
    const Sparsity::Dimension& level = sparsity.dimensions[i];
    const int64_t size = sizes[static_cast<size_t>(sparsity.traversal_order[i])];
    if (level.compressed) {
      positions = walk_compressed(level, positions, size);
    } else if (level.dense_size == size) {
      positions = checked_mul(positions, size, "size of a sparse tensor");
    } else {
      fail(ErrorKind::bad_file, "a dense axis of its sparsity has size {} instead of {}",
           level.dense_size, size);
    }
  }
  if (positions != stored) {
    fail(ErrorKind::bad_file, "{} values stored where its sparsity reaches {}", stored, positions);
  }
}

Offset<schema::SparsityParameters> write_sparsity(const Sparsity& from, SharedPool& pool) {
  std::vector<Offset<schema::DimensionMetadata>> levels;
  for (const Sparsity::Dimension& level : from.dimensions) {
    IndicesWriter segments{pool}, indices{pool};
    const Offset<void> segment_table = std::visit(segments, level.segments);
    const Offset<void> index_table = std::visit(indices, level.indices);
    const auto format =
        level.compressed ? schema::DimensionType::SPARSE_CSR : schema::DimensionType::DENSE;
    levels.push_back(schema::CreateDimensionMetadata(pool.builder(), format, level.dense_size,
                                                     segments.kind, segment_table, indices.kind,
                                                     index_table));
  }
  const auto order = pool.vector(from.traversal_order);
  const auto blocks = pool.optional_vector(from.block_map);
  return schema::CreateSparsityParameters(pool.builder(), order, blocks,
                                          pool.builder().CreateVector(levels));
}

}  // namespace smelt::tflite
