#include "smelt/run/densify.h"

#include <cstring>

namespace smelt {
namespace {

class Densifier {
 public:
  Densifier(const Tensor& tensor, std::span<uint8_t> dense)
      : sparsity_(*tensor.sparsity),
        shape_(tensor.shape),
        stored_(tensor.data.bytes()),
        dense_(dense),
        element_(static_cast<size_t>(bit_width(tensor.type)) / 8),
        rank_(static_cast<size_t>(tensor.shape.rank())),
        position_(sparsity_.traversal_order.size()) {
    check();
  }

  void run() { visit(0, 0); }

 private:
  void check() const {
    const size_t levels = sparsity_.traversal_order.size();
    const size_t blocks = sparsity_.block_map.size();
    if (levels != rank_ + blocks || sparsity_.dimensions.size() != levels) {
      fail(ErrorKind::bad_file, "{} sparse levels for shape {}", levels, to_string(shape_));
    }
    std::vector<bool> seen(levels, false);
    for (size_t i = 0; i < levels; ++i) {
      const int32_t axis = sparsity_.traversal_order[i];
      // Blocks lie behind the axes that they divide.
      const bool in_place = axis >= 0 && static_cast<size_t>(axis) < levels &&
                            (static_cast<size_t>(axis) >= rank_) == (i >= rank_);
      if (!in_place || seen[static_cast<size_t>(axis)]) {
        fail(ErrorKind::bad_file, "sparse traversal order is not a permutation");
      }
      seen[static_cast<size_t>(axis)] = true;
    }
    std::vector<int64_t> sizes(rank_, 1);
    for (size_t i = 0; i < levels; ++i) {
      int64_t& size = sizes[axis_of(i)];
      size = checked_mul(size, sparsity_.dimensions[i].dense_size, "size of a sparse axis");
    }
    for (size_t axis = 0; axis < rank_; ++axis) {
      if (sizes[axis] == shape_[static_cast<int>(axis)]) continue;
      fail(ErrorKind::bad_file, "sparse levels make up an axis of size {} in {}", sizes[axis],
           to_string(shape_));
    }
  }

  /// The axis of the tensor that a level walks, whole or in blocks.
  size_t axis_of(size_t level) const {
    const auto id = static_cast<size_t>(sparsity_.traversal_order[level]);
    if (id < rank_) return id;
    const int32_t axis = sparsity_.block_map[id - rank_];
    if (axis < 0 || static_cast<size_t>(axis) >= rank_) {
      fail(ErrorKind::bad_file, "sparse block of axis {} of {}", axis, to_string(shape_));
    }
    return static_cast<size_t>(axis);
  }

  static int64_t value_at(const Sparsity::Indices& indices, int64_t i) {
    return std::visit(
        [&](const auto& values) -> int64_t {
          if constexpr (std::is_same_v<std::decay_t<decltype(values)>, std::monostate>) {
            fail(ErrorKind::bad_file, "sparse level without indices");
          } else {
            if (i < 0 || static_cast<size_t>(i) >= values.size()) {
              fail(ErrorKind::bad_file, "sparse index {} of {}", i, values.size());
            }
            return values[static_cast<size_t>(i)];
          }
        },
        indices);
  }

  /// `parent`: how many entries of the levels above lie in front of this one.
  void visit(size_t level, int64_t parent) {
    if (level == position_.size()) {
      store(parent);
      return;
    }
    const Sparsity::Dimension& dimension = sparsity_.dimensions[level];
    if (!dimension.compressed) {
      for (int32_t i = 0; i < dimension.dense_size; ++i) {
        position_[level] = i;
        visit(level + 1, parent * dimension.dense_size + i);
      }
      return;
    }
    const int64_t begin = value_at(dimension.segments, parent);
    const int64_t end = value_at(dimension.segments, parent + 1);
    if (begin < 0 || end - begin > dimension.dense_size) {
      fail(ErrorKind::bad_file, "sparse segment from {} to {}", begin, end);
    }
    for (int64_t i = begin; i < end; ++i) {
      position_[level] = value_at(dimension.indices, i);
      if (position_[level] < 0 || position_[level] >= dimension.dense_size) {
        fail(ErrorKind::bad_file, "sparse index {} on an axis of size {}", position_[level],
             dimension.dense_size);
      }
      visit(level + 1, i);
    }
  }

  void store(int64_t entry) {
    std::vector<int64_t> index(rank_, 0);
    for (size_t level = 0; level < position_.size(); ++level) {
      int64_t& i = index[axis_of(level)];
      const bool block = level >= rank_;
      i = block ? i * sparsity_.dimensions[level].dense_size + position_[level] : position_[level];
    }
    int64_t flat = 0;
    for (size_t axis = 0; axis < rank_; ++axis) {
      flat = flat * shape_[static_cast<int>(axis)] + index[axis];
    }
    const size_t from = static_cast<size_t>(entry) * element_;
    if (!in_range(from, element_, stored_.size())) {
      fail(ErrorKind::bad_file, "sparse constant holds fewer values than its indices name");
    }
    std::memcpy(dense_.data() + static_cast<size_t>(flat) * element_, stored_.data() + from,
                element_);
  }

  const Sparsity& sparsity_;
  const Shape& shape_;
  ByteView stored_;
  std::span<uint8_t> dense_;
  size_t element_;
  size_t rank_;
  std::vector<int64_t> position_;
};

}  // namespace

Buffer densify(const Tensor& tensor) {
  if (!tensor.sparsity || bit_width(tensor.type) % 8 != 0 || bit_width(tensor.type) == 0) {
    fail(ErrorKind::unsupported, "{} is no sparse constant of whole bytes", tensor.name);
  }
  const auto size = static_cast<size_t>(storage_bytes(tensor.type, tensor.shape.elements()));
  return Buffer::make(size, [&](std::span<uint8_t> dense) { Densifier(tensor, dense).run(); });
}

}  // namespace smelt
