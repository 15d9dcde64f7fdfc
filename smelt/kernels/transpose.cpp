#include "smelt/kernels/transpose.h"

#include "smelt/kernels/operands.h"
#include "smelt/kernels/strided_copy.h"

namespace smelt {
namespace {

std::vector<int64_t> sizes_of(const Shape& shape) {
  return {shape.dims().begin(), shape.dims().end()};
}

/// DEPTH_TO_SPACE and its inverse move the axes [N,H,W,b,b,C] and [N,H,b,W,b,C] into each other;
/// H and W count blocks.
StridedCopy block_copy(const PrepareArgs& args, const Shape& deep, const Shape& wide, int64_t block,
                       bool to_depth) {
  if (block < 1) fail(ErrorKind::bad_file, "the block size is {}", block);
  const int64_t height = deep[1], width = deep[2], channels = wide[3];
  if (wide[0] != deep[0] || wide[1] != height * block || wide[2] != width * block ||
      deep[3] != channels * block * block) {
    fail(ErrorKind::bad_file, "shapes {} and {} do not fit blocks of {}", to_string(wide),
         to_string(deep), block);
  }
  const std::vector<int64_t> in_depth = {height * width * deep[3], width * deep[3], deep[3],
                                         block * channels,         channels,        1};
  const int64_t row = width * block * channels;
  const std::vector<int64_t> in_space = {
      height * block * row, block * row, block * channels, row, channels, 1};
  const std::vector<int64_t> sizes = {deep[0], height, width, block, block, channels};
  // Order of the axes in the result: N,H,W,b,b,C in depth, N,H,b,W,b,C in space.
  const std::vector<size_t> order =
      to_depth ? std::vector<size_t>{0, 1, 2, 3, 4, 5} : std::vector<size_t>{0, 1, 3, 2, 4, 5};
  std::vector<int64_t> size, stride;
  for (const size_t axis : order) {
    size.push_back(sizes[axis]);
    stride.push_back(to_depth ? in_space[axis] : in_depth[axis]);
  }
  return StridedCopy::make(size, stride, 0, element_bytes(args.input(0)));
}

}  // namespace

Kernel prepare_transpose(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  const std::vector<int64_t> permutation = constant_ints(args.input(1));
  const int rank = x.shape.rank();
  if (static_cast<int>(permutation.size()) != rank) {
    fail(ErrorKind::bad_file, "{} axes are permuted, but {} has shape {}", permutation.size(),
         x.name, to_string(x.shape));
  }
  const std::vector<int64_t> strides = dense_strides(x.shape);
  std::vector<int64_t> size, stride;
  std::vector<bool> seen(permutation.size());
  Shape expected = x.shape;
  for (size_t k = 0; k < permutation.size(); ++k) {
    const int axis = normalized_axis(permutation[k], rank);
    if (seen[static_cast<size_t>(axis)]) {
      fail(ErrorKind::bad_file, "the permutation names axis {} twice", axis);
    }
    seen[static_cast<size_t>(axis)] = true;
    expected[static_cast<int>(k)] = x.shape[axis];
    size.push_back(x.shape[axis]);
    stride.push_back(strides[static_cast<size_t>(axis)]);
  }
  require_shape(y, expected);
  return strided_copy_kernel(StridedCopy::make(size, stride, 0, element_bytes(x)));
}

Kernel prepare_space_to_depth(const PrepareArgs& args) {
  require_same_type(args.input(0), args.output());
  require_rank(args.input(0), 4, 4);
  require_rank(args.output(), 4, 4);
  return strided_copy_kernel(block_copy(args, args.output().shape, args.input(0).shape,
                                        attributes_of<BlockSizeAttributes>(args).block_size, true));
}

Kernel prepare_depth_to_space(const PrepareArgs& args) {
  require_same_type(args.input(0), args.output());
  require_rank(args.input(0), 4, 4);
  require_rank(args.output(), 4, 4);
  return strided_copy_kernel(block_copy(args, args.input(0).shape, args.output().shape,
                                        attributes_of<BlockSizeAttributes>(args).block_size,
                                        false));
}

Kernel prepare_tile(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_rank(y, x.shape.rank(), x.shape.rank());
  const std::vector<int64_t> strides = dense_strides(x.shape);
  std::vector<int64_t> size, stride;
  for (int i = 0; i < x.shape.rank(); ++i) {
    const int64_t times = x.shape[i] == 0 ? 0 : y.shape[i] / x.shape[i];
    if (times * x.shape[i] != y.shape[i]) {
      fail(ErrorKind::bad_file, "{} of shape {} is no multiple of {}", y.name, to_string(y.shape),
           to_string(x.shape));
    }
    size.insert(size.end(), {times, x.shape[i]});
    stride.insert(stride.end(), {0, strides[static_cast<size_t>(i)]});
  }
  return strided_copy_kernel(StridedCopy::make(size, stride, 0, element_bytes(x)));
}

Kernel prepare_broadcast_to(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  const int shift = y.shape.rank() - x.shape.rank();
  const std::vector<int64_t> strides = dense_strides(x.shape);
  std::vector<int64_t> stride(static_cast<size_t>(y.shape.rank()), 0);
  for (int i = 0; i < x.shape.rank(); ++i) {
    if (shift < 0 || (x.shape[i] != 1 && x.shape[i] != y.shape[i + shift])) {
      fail(ErrorKind::bad_file, "{} of shape {} does not spread over {} of shape {}", x.name,
           to_string(x.shape), y.name, to_string(y.shape));
    }
    if (x.shape[i] != 1) stride[static_cast<size_t>(i + shift)] = strides[static_cast<size_t>(i)];
  }
  return strided_copy_kernel(StridedCopy::make(sizes_of(y.shape), stride, 0, element_bytes(x)));
}

Kernel prepare_reverse_v2(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_same_type(x, args.output());
  require_same_shape(x, args.output());
  std::vector<int64_t> stride = dense_strides(x.shape);
  int64_t base = 0;
  for (const int64_t named : constant_ints(args.input(1))) {
    const int axis = normalized_axis(named, x.shape.rank());
    int64_t& s = stride[static_cast<size_t>(axis)];
    if (s < 0) fail(ErrorKind::bad_file, "axis {} is reversed twice", axis);
    base += s * std::max(0, x.shape[axis] - 1);
    s = -s;
  }
  return strided_copy_kernel(StridedCopy::make(sizes_of(x.shape), stride, base, element_bytes(x)));
}

}  // namespace smelt
