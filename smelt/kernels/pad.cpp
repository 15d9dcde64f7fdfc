#include "smelt/kernels/pad.h"

#include <array>

#include "smelt/kernels/operands.h"
#include "smelt/kernels/strided_copy.h"

namespace smelt {
namespace {

constexpr int kMaxRank = 8;

struct Margins {
  int64_t before = 0, after = 0;
};

/// Paddings of every axis, which must explain the result's shape.
std::vector<Margins> read_paddings(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  const int rank = x.shape.rank();
  require_rank(y, rank, rank);
  const std::vector<int64_t> values = constant_ints(args.input(1));
  if (static_cast<int>(values.size()) != 2 * rank) {
    fail(ErrorKind::bad_file, "{} has {} elements; shape {} needs {}", args.input(1).name,
         values.size(), to_string(x.shape), 2 * rank);
  }
  std::vector<Margins> paddings;
  for (int i = 0; i < rank; ++i) {
    const Margins p{values[static_cast<size_t>(2 * i)], values[static_cast<size_t>(2 * i + 1)]};
    if (p.before < 0 || p.after < 0 || p.before > INT32_MAX || p.after > INT32_MAX ||
        x.shape[i] + p.before + p.after != y.shape[i]) {
      fail(ErrorKind::bad_file, "axis {} of {} is padded by {} and {} to {}", i, to_string(x.shape),
           p.before, p.after, y.shape[i]);
    }
    paddings.push_back(p);
  }
  return paddings;
}

/// Where the rows of x go: x as `rows` of `row` elements, the outer axes' strides in y.
struct Placement {
  int rank = 0;  ///< outer axes
  std::array<int64_t, kMaxRank> size{}, stride{};
  int64_t rows = 1, row = 1;
  int64_t base = 0;
  int64_t y_count = 0;
};

Placement place(const Shape& x, const Shape& y, const std::vector<Margins>& paddings) {
  Placement p{.y_count = y.elements()};
  const std::vector<int64_t> strides = dense_strides(y);
  int inner = x.rank() - 1;
  // Axes without padding belong to the row.
  while (inner > 0 && paddings[static_cast<size_t>(inner)].before == 0 &&
         paddings[static_cast<size_t>(inner)].after == 0) {
    --inner;
  }
  if (inner > kMaxRank) {
    fail(ErrorKind::unsupported, "padding of rank {} has no kernel", x.rank());
  }
  for (int i = 0; i < x.rank(); ++i) {
    const auto a = static_cast<size_t>(i);
    p.base += paddings[a].before * strides[a];
    if (i < inner) {
      p.size[a] = x[i];
      p.stride[a] = strides[a];
      p.rows *= x[i];
    } else {
      p.row *= x[i];
    }
  }
  p.rank = std::max(inner, 0);
  if (x.elements() == 0) p.rows = 0;
  return p;
}

template <class T>
void pad_values(const Placement& p, const T* x, T* y, T value) {
  std::fill(y, y + p.y_count, value);
  std::array<int64_t, kMaxRank> at{};
  T* to = y + p.base;
  for (int64_t r = 0; r < p.rows; ++r, x += p.row) {
    std::copy_n(x, p.row, to);
    for (int axis = p.rank - 1; axis >= 0; --axis) {
      const auto a = static_cast<size_t>(axis);
      to += p.stride[a];
      if (++at[a] < p.size[a]) break;
      to -= p.stride[a] * p.size[a];
      at[a] = 0;
    }
  }
}

/// Stored bits of real zero.
uint64_t zero_bits(const Operand& y) {
  if (!is_integer(y.type) || !y.quantization->quantized()) return 0;
  if (y.type != DataType::int8 && y.type != DataType::uint8 && y.type != DataType::int16) return 0;
  require_per_tensor(y);
  return static_cast<uint64_t>(static_cast<int64_t>(zero_of(y)));
}

Kernel pad_kernel(const PrepareArgs& args, uint64_t bits, bool value_operand) {
  const Placement p = place(args.input(0).shape, args.output().shape, read_paddings(args));
  return with_element_size(element_bytes(args.input(0)), [&](auto zero) {
    using T = decltype(zero);
    return Kernel{[p, bits, value_operand](const InvokeArgs& run) {
      const T value = value_operand ? run.in<T>(2)[0] : static_cast<T>(bits);
      pad_values(p, run.in<T>(0), run.out<T>(), value);
    }};
  });
}

/// 4-D view of SPACE_TO_BATCH_ND: a missing width is 1.
struct BlockMove {
  int64_t batch = 0, height = 0, width = 0;  ///< of the wide tensor
  int64_t block_h = 1, block_w = 1;
  int64_t top = 0, left = 0;                  ///< padding or crop
  int64_t block_height = 0, block_width = 0;  ///< of the tensor of blocks
  int64_t bytes = 0;                          ///< of the channels of a cell
  int64_t element = 1;
};

BlockMove read_block_move(const PrepareArgs& args, const Operand& wide, const Operand& blocks) {
  require_same_type(wide, blocks);
  require_rank(wide, 3, 4);
  require_rank(blocks, wide.shape.rank(), wide.shape.rank());
  const bool image = wide.shape.rank() == 4;
  const size_t spatial = image ? 2 : 1;
  const std::vector<int64_t> block = constant_ints(args.input(1));
  const std::vector<int64_t> margins = constant_ints(args.input(2));
  if (block.size() != spatial || margins.size() != 2 * spatial) {
    fail(ErrorKind::bad_file, "block shape and margins do not fit shape {}", to_string(wide.shape));
  }
  for (const int64_t b : block) {
    if (b < 1 || b > INT32_MAX) fail(ErrorKind::bad_file, "block size {}", b);
  }
  for (const int64_t m : margins) {
    if (m < 0 || m > INT32_MAX) fail(ErrorKind::bad_file, "margin {}", m);
  }
  BlockMove move{.batch = wide.shape[0],
                 .height = wide.shape[1],
                 .width = image ? wide.shape[2] : 1,
                 .block_h = block[0],
                 .block_w = image ? block[1] : 1,
                 .top = margins[0],
                 .left = image ? margins[2] : 0,
                 .block_height = blocks.shape[1],
                 .block_width = image ? blocks.shape[2] : 1,
                 .element = element_bytes(wide)};
  move.bytes = move.element * wide.shape.back();
  const int64_t bottom = margins[1], right = image ? margins[3] : 0;
  if (wide.shape.back() != blocks.shape.back() ||
      checked_mul(move.batch, checked_mul(move.block_h, move.block_w, "block"), "batch") !=
          blocks.shape[0] ||
      move.height + move.top + bottom != move.block_height * move.block_h ||
      move.width + move.left + right != move.block_width * move.block_w) {
    fail(ErrorKind::bad_file, "shapes {} and {} do not fit the blocks", to_string(wide.shape),
         to_string(blocks.shape));
  }
  return move;
}

/// Calls f(cell of the wide tensor or -1 where it is margin, cell of the blocks).
template <class F>
void for_each_cell(const BlockMove& m, F&& f) {
  int64_t cell = 0;
  for (int64_t b = 0; b < m.batch * m.block_h * m.block_w; ++b) {
    const int64_t shift = b / std::max<int64_t>(m.batch, 1);
    const int64_t image = b % std::max<int64_t>(m.batch, 1) * m.height;
    for (int64_t h = 0; h < m.block_height; ++h) {
      const int64_t y = h * m.block_h + shift / m.block_w - m.top;
      for (int64_t w = 0; w < m.block_width; ++w, ++cell) {
        const int64_t x = w * m.block_w + shift % m.block_w - m.left;
        const bool inside = y >= 0 && y < m.height && x >= 0 && x < m.width;
        f(inside ? (image + y) * m.width + x : -1, cell);
      }
    }
  }
}

}  // namespace

Kernel prepare_pad(const PrepareArgs& args) {
  return pad_kernel(args, zero_bits(args.output()), false);
}

Kernel prepare_padv2(const PrepareArgs& args) {
  const Operand& value = args.input(2);
  require_same_type(args.input(0), value);
  if (value.shape.elements() != 1) {
    fail(ErrorKind::bad_file, "{} has shape {}; one value is needed", value.name,
         to_string(value.shape));
  }
  return pad_kernel(args, 0, true);
}

Kernel prepare_mirror_pad(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  const int edge = attributes_of<MirrorPadAttributes>(args).symmetric ? 0 : 1;
  const std::vector<Margins> paddings = read_paddings(args);
  const int rank = x.shape.rank();
  if (rank < 1 || rank > kMaxRank) fail(ErrorKind::unsupported, "rank {} has no kernel", rank);
  const std::vector<int64_t> strides = dense_strides(x.shape);
  // offsets[axis][i]: how far element i of that axis lies in x, already times the stride.
  std::vector<std::vector<int64_t>> offsets;
  for (int axis = 0; axis < rank; ++axis) {
    const auto a = static_cast<size_t>(axis);
    const int64_t size = x.shape[axis];
    if (paddings[a].before > size - edge || paddings[a].after > size - edge) {
      fail(ErrorKind::bad_file, "axis {} of {} is too short for the mirrored padding", axis,
           to_string(x.shape));
    }
    std::vector<int64_t> row;
    for (int64_t i = 0; i < y.shape[axis]; ++i) {
      int64_t from = i - paddings[a].before;
      if (from < 0) from = -from - 1 + edge;
      if (from >= size) from = 2 * size - 1 - from - edge;
      row.push_back(from * strides[a]);
    }
    offsets.push_back(std::move(row));
  }
  const int64_t count = y.shape.elements();
  return with_element_size(element_bytes(x), [&](auto zero) {
    using T = decltype(zero);
    return Kernel{[offsets = std::move(offsets), count](const InvokeArgs& run) {
      const T* from = run.in<T>(0);
      T* to = run.out<T>();
      const std::vector<int64_t>& row = offsets.back();
      const size_t outer = offsets.size() - 1;
      std::array<size_t, kMaxRank> at{};
      for (int64_t done = 0; done < count; done += static_cast<int64_t>(row.size())) {
        int64_t base = 0;
        for (size_t a = 0; a < outer; ++a) base += offsets[a][at[a]];
        for (const int64_t offset : row) *to++ = from[base + offset];
        for (size_t a = outer; a-- > 0;) {
          if (++at[a] < offsets[a].size()) break;
          at[a] = 0;
        }
      }
    }};
  });
}

Kernel prepare_space_to_batch_nd(const PrepareArgs& args) {
  const BlockMove move = read_block_move(args, args.input(0), args.output());
  const uint64_t bits = zero_bits(args.output());
  return {[move, bits](const InvokeArgs& run) {
    const auto* x = run.in<uint8_t>(0);
    auto* y = run.out<uint8_t>();
    const auto bytes = static_cast<size_t>(move.bytes);
    for_each_cell(move, [&](int64_t from, int64_t to) {
      uint8_t* cell = y + to * move.bytes;
      if (from >= 0) {
        std::memcpy(cell, x + from * move.bytes, bytes);
      } else {
        for (int64_t i = 0; i < move.bytes; i += move.element) {
          std::memcpy(cell + i, &bits, static_cast<size_t>(move.element));
        }
      }
    });
  }};
}

Kernel prepare_batch_to_space_nd(const PrepareArgs& args) {
  const BlockMove move = read_block_move(args, args.output(), args.input(0));
  return {[move](const InvokeArgs& run) {
    const auto* x = run.in<uint8_t>(0);
    auto* y = run.out<uint8_t>();
    for_each_cell(move, [&](int64_t to, int64_t from) {
      if (to < 0) return;
      std::memcpy(y + to * move.bytes, x + from * move.bytes, static_cast<size_t>(move.bytes));
    });
  }};
}

}  // namespace smelt
