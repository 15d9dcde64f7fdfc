#include "smelt/kernels/gather.h"

#include <algorithm>
#include <memory>

#include "smelt/kernels/hybrid.h"
#include "smelt/kernels/number_types.h"
#include "smelt/kernels/operands.h"
#include "smelt/kernels/packed_bits.h"

namespace smelt {
namespace {

constexpr std::initializer_list<DataType> kIndexTypes = {DataType::int16, DataType::int32,
                                                         DataType::int64};

template <class I>
void check_constant_indices(const Operand& indices, int64_t limit) {
  if (indices.constant == nullptr) return;
  const I* values = indices.constant_as<I>();
  for (int64_t i = 0; i < indices.shape.elements(); ++i) {
    if (values[i] < 0 || values[i] >= limit) {
      fail(ErrorKind::bad_file, "{} holds index {}, outside of 0..{}", indices.name, values[i],
           limit - 1);
    }
  }
}

/// Copies one slice, or zeros where there is none.
void copy_slice(uint8_t* to, const uint8_t* from, int64_t bytes) {
  if (bytes == 0) return;
  if (from != nullptr) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  } else {
    std::memset(to, 0, static_cast<size_t>(bytes));
  }
}

void require_elements(const Operand& y, int64_t count) {
  if (y.shape.elements() != count) {
    fail(ErrorKind::bad_file, "{} has shape {}; {} elements are gathered", y.name,
         to_string(y.shape), count);
  }
}

}  // namespace

Kernel prepare_gather(const PrepareArgs& args) {
  const auto& attributes = attributes_of<GatherAttributes>(args);
  const Operand& x = args.input(0);
  const Operand& indices = args.input(1);
  require_same_type(x, args.output());
  const int axis = normalized_axis(attributes.axis, x.shape.rank());
  int batch_dims = attributes.batch_dims;
  if (batch_dims < 0) batch_dims += indices.shape.rank();
  if (batch_dims < 0 || batch_dims > axis || batch_dims > indices.shape.rank()) {
    fail(ErrorKind::bad_file, "{} batch axes do not fit axis {} and indices of shape {}",
         attributes.batch_dims, axis, to_string(indices.shape));
  }
  for (int i = 0; i < batch_dims; ++i) {
    if (x.shape[i] != indices.shape[i]) {
      fail(ErrorKind::bad_file, "batch axis {} is {} and {} long", i, x.shape[i], indices.shape[i]);
    }
  }
  const int64_t batch = x.shape.elements(0, batch_dims);
  const int64_t outer = x.shape.elements(batch_dims, axis);
  const int64_t size = x.shape[axis];
  const int64_t bytes = element_bytes(x) * x.shape.elements(axis + 1, x.shape.rank());
  const int64_t count = indices.shape.elements(batch_dims, indices.shape.rank());
  require_elements(args.output(), checked_mul(checked_mul(batch * outer, count, "gathered"),
                                              bytes / element_bytes(x), "gathered"));
  return with_index_type(indices, kIndexTypes, [&](auto zero) {
    using I = decltype(zero);
    check_constant_indices<I>(indices, size);
    return Kernel{[=](const InvokeArgs& run) {
      const auto* from = run.in<uint8_t>(0);
      auto* to = run.out<uint8_t>();
      for (int64_t b = 0; b < batch; ++b) {
        const I* index = run.in<I>(1) + b * count;
        for (int64_t o = 0; o < outer; ++o, from += size * bytes) {
          for (int64_t i = 0; i < count; ++i, to += bytes) {
            // TFLite does not say what computed indices outside mean. Negative ones count from the
            // end, as in Keras 3 and NumPy.
            const int64_t at = int64_t{index[i]} + (index[i] < 0 ? size : 0);
            copy_slice(to, at >= 0 && at < size ? from + at * bytes : nullptr, bytes);
          }
        }
      }
    }};
  });
}

Kernel prepare_gather_nd(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& indices = args.input(1);
  require_same_type(x, args.output());
  require_rank(indices, 1, INT32_MAX);
  const int depth = indices.shape.back();
  if (depth < 0 || depth > x.shape.rank()) {
    fail(ErrorKind::bad_file, "indices of shape {} do not fit {}", to_string(indices.shape),
         to_string(x.shape));
  }
  const int64_t slices = indices.shape.elements(0, indices.shape.rank() - 1);
  const int64_t slice = x.shape.elements(depth, x.shape.rank());
  require_elements(args.output(), checked_mul(slices, slice, "gathered"));
  const int64_t bytes = element_bytes(x) * slice;
  std::vector<int64_t> sizes(x.shape.dims().begin(), x.shape.dims().begin() + depth);
  return with_index_type(indices, kIndexTypes, [&](auto zero) {
    using I = decltype(zero);
    return Kernel{[=, sizes = std::move(sizes)](const InvokeArgs& run) {
      const I* index = run.in<I>(1);
      auto* to = run.out<uint8_t>();
      for (int64_t s = 0; s < slices; ++s, to += bytes) {
        int64_t position = 0;
        bool inside = true;
        for (const int64_t size : sizes) {
          inside = inside && *index >= 0 && *index < size;
          position = inside ? position * size + *index : 0;
          ++index;
        }
        copy_slice(to, inside ? run.in<uint8_t>(0) + position * bytes : nullptr, bytes);
      }
    }};
  });
}

namespace {

/// Rows of stored values, and the scale of each run of `block` of them.
struct EmbeddingTable {
  std::vector<int8_t> values;  ///< of packed types; empty where int8 is read in place
  std::vector<float> scales;   ///< [rows, columns / block], or one
  int64_t columns = 0;
  int64_t block = 0;

  float scale(int64_t row, int64_t column) const {
    return scales.size() == 1
               ? scales[0]
               : scales[static_cast<size_t>(row * (columns / block) + column / block)];
  }
};

EmbeddingTable embedding_table(const Operand& table, int64_t rows, int64_t columns) {
  const Quantization& q = *table.quantization;
  EmbeddingTable t{{}, q.scale, columns, columns};
  if (const auto* blocks = std::get_if<BlockwiseScales>(&q.details)) {
    t.block = blocks->block_size;
    t.scales = block_scales(table, rows, columns);
  } else if (q.scale.empty() ||
             (q.per_axis() && (static_cast<int64_t>(q.scale.size()) != rows || q.axis != 0))) {
    fail(ErrorKind::bad_file, "{} has {} scales along axis {} for {} rows", table.name,
         q.scale.size(), q.axis, rows);
  }
  if (std::any_of(q.zero_point.begin(), q.zero_point.end(), [](int64_t z) { return z != 0; })) {
    fail(ErrorKind::unsupported, "{} has a zero point; embeddings must be symmetric", table.name);
  }
  if (bit_width(table.type) < 8) t.values = unpack_small(table);
  return t;
}

/// int8, uint8 (which holds int8), int4 or int2 -> float32.
Kernel hybrid_embedding(const Operand& ids, const Operand& table, int64_t rows, int64_t columns) {
  require_type(table, {DataType::int8, DataType::uint8, DataType::int4, DataType::int2});
  auto shared = std::make_shared<const EmbeddingTable>(embedding_table(table, rows, columns));
  return {[=, t = std::move(shared), count = ids.shape.elements()](const InvokeArgs& run) {
    const int8_t* values = t->values.empty() ? run.in<int8_t>(1) : t->values.data();
    float* to = run.out<float>();
    for (int64_t i = 0; i < count; ++i) {
      const int32_t id = run.in<int32_t>(0)[i];
      const bool inside = id >= 0 && id < rows;
      for (int64_t c = 0; c < columns; ++c) {
        *to++ = inside ? values[id * columns + c] * t->scale(id, c) : 0.0f;
      }
    }
  }};
}

}  // namespace

Kernel prepare_embedding_lookup(const PrepareArgs& args) {
  const Operand& ids = args.input(0);
  const Operand& table = args.input(1);
  const Operand& y = args.output();
  require_type(ids, {DataType::int32});
  require_rank(table, 1, INT32_MAX);
  const int64_t rows = table.shape[0];
  const int64_t columns = table.shape.elements(1, table.shape.rank());
  const int64_t count = ids.shape.elements();
  require_elements(y, checked_mul(count, columns, "embedding"));
  check_constant_indices<int32_t>(ids, rows);
  if (y.type == DataType::float32 && table.type != y.type) {
    return hybrid_embedding(ids, table, rows, columns);
  }
  require_same_type(table, y);
  const int64_t bytes = element_bytes(table) * columns;
  return {[=](const InvokeArgs& run) {
    for (int64_t i = 0; i < count; ++i) {
      const int32_t id = run.in<int32_t>(0)[i];
      const bool inside = id >= 0 && id < rows;
      copy_slice(run.out<uint8_t>() + i * bytes, inside ? run.in<uint8_t>(1) + id * bytes : nullptr,
                 bytes);
    }
  }};
}

Kernel prepare_one_hot(const PrepareArgs& args) {
  const Operand& indices = args.input(0);
  const Operand& y = args.output();
  for (const size_t k : {size_t{2}, size_t{3}}) {
    require_same_type(args.input(k), y);
    if (args.input(k).shape.elements() != 1) {
      fail(ErrorKind::bad_file, "{} must be one value", args.input(k).name);
    }
  }
  const int rank = indices.shape.rank();
  require_rank(y, rank + 1, rank + 1);
  const int32_t named = attributes_of<OneHotAttributes>(args).axis;
  const int axis = named == -1 ? rank : normalized_axis(named, rank + 1);
  const AxisSplit split = split_at(y.shape, axis);
  if (split.outer != indices.shape.elements(0, axis) ||
      split.inner != indices.shape.elements(axis, rank)) {
    fail(ErrorKind::bad_file, "shape {} does not fit indices of shape {}", to_string(y.shape),
         to_string(indices.shape));
  }
  return with_index_type(indices, kIndexTypes, [&](auto zero_index) {
    using I = decltype(zero_index);
    return with_element_size(element_bytes(y), [&](auto zero) {
      using T = decltype(zero);
      return Kernel{[split](const InvokeArgs& run) {
        const T on = run.in<T>(2)[0], off = run.in<T>(3)[0];
        T* to = run.out<T>();
        for (int64_t o = 0; o < split.outer; ++o) {
          const I* index = run.in<I>(0) + o * split.inner;
          for (int64_t d = 0; d < split.axis; ++d) {
            for (int64_t i = 0; i < split.inner; ++i) *to++ = index[i] == d ? on : off;
          }
        }
      }};
    });
  });
}

}  // namespace smelt
