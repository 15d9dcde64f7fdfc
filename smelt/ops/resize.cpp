#include "smelt/base/bytes.h"
#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x [N,H,W,C], size [2] -> [N,size[0],size[1],C].
void infer_resize(ShapeContext& context) {
  need_rank(context, 0, 4);
  const Shape& x = context.shape(0);
  const std::vector<int64_t>& size = context.values(1);
  if (size.size() != 2 || size[0] < 1 || size[1] < 1) {
    fail(ErrorKind::bad_file, "resizes to a size that is not two positive numbers");
  }
  context.set_output(0, checked_shape({x[0], size[0], size[1], x[3]}));
}

int32_t block_size(const ShapeContext& context) {
  const int32_t block = context.op.as<BlockSizeAttributes>().block_size;
  if (block < 1 || block > 32768) fail(ErrorKind::bad_file, "block size is {}", block);
  return block;
}

void infer_space_to_depth(ShapeContext& context) {
  need_rank(context, 0, 4);
  const Shape& x = context.shape(0);
  const int32_t block = block_size(context);
  if (x[1] % block != 0 || x[2] % block != 0) {
    fail(ErrorKind::bad_file, "blocks of {} do not divide {}", block, to_string(x));
  }
  const int64_t depth = int64_t{x[3]} * block * block;
  context.set_output(0, checked_shape({x[0], x[1] / block, x[2] / block, depth}));
}

void infer_depth_to_space(ShapeContext& context) {
  need_rank(context, 0, 4);
  const Shape& x = context.shape(0);
  const int32_t block = block_size(context);
  if (x[3] % (block * block) != 0) {
    fail(ErrorKind::bad_file, "blocks of {} do not divide {}", block, to_string(x));
  }
  context.set_output(0, checked_shape({x[0], int64_t{x[1]} * block, int64_t{x[2]} * block,
                                       x[3] / (block * block)}));
}

/// Checks x [N, spatial..., C...] against block [s] and edges [s, 2] (crops or paddings).
void check_blocks(const ShapeContext& context) {
  const Shape& x = context.shape(0);
  const std::vector<int64_t>& block = context.values(1);
  const std::vector<int64_t>& edges = context.values(2);
  if (static_cast<int64_t>(block.size()) > x.rank() - 1 || edges.size() != 2 * block.size()) {
    fail(ErrorKind::bad_file, "{} blocks and {} edges do not fit {}", block.size(), edges.size(),
         to_string(x));
  }
  for (const int64_t size : block) {
    if (size < 1 || size > INT32_MAX) fail(ErrorKind::bad_file, "block size is {}", size);
  }
  for (const int64_t cells : edges) {
    if (cells < 0 || cells > INT32_MAX) fail(ErrorKind::bad_file, "edge of {} cells", cells);
  }
}

void infer_space_to_batch(ShapeContext& context) {
  check_blocks(context);
  const std::vector<int64_t>& block = context.values(1);
  const std::vector<int64_t>& padding = context.values(2);
  std::vector<int64_t> dims(context.shape(0).dims().begin(), context.shape(0).dims().end());
  for (size_t i = 0; i < block.size(); ++i) {
    const int64_t padded = dims[i + 1] + padding[2 * i] + padding[2 * i + 1];
    if (padded % block[i] != 0) {
      fail(ErrorKind::bad_file, "blocks of {} do not divide an axis of size {}", block[i], padded);
    }
    dims[i + 1] = padded / block[i];
    dims[0] = checked_mul(dims[0], block[i], "size of the batch axis");
  }
  context.set_output(0, checked_shape(dims));
}

void infer_batch_to_space(ShapeContext& context) {
  check_blocks(context);
  const std::vector<int64_t>& block = context.values(1);
  const std::vector<int64_t>& crop = context.values(2);
  std::vector<int64_t> dims(context.shape(0).dims().begin(), context.shape(0).dims().end());
  for (size_t i = 0; i < block.size(); ++i) {
    if (dims[0] % block[i] != 0) {
      fail(ErrorKind::bad_file, "blocks of {} do not divide a batch of {}", block[i], dims[0]);
    }
    dims[0] /= block[i];
    dims[i + 1] =
        checked_mul(dims[i + 1], block[i], "size of an axis") - crop[2 * i] - crop[2 * i + 1];
  }
  context.set_output(0, checked_shape(dims));
}

}  // namespace

void define_resize(OpTable& table) {
  table[OpType::resize_bilinear] = row(2, 2, infer_resize, same_scale());
  table[OpType::resize_nearest_neighbor] = row(2, 2, infer_resize, same_scale());
  table[OpType::space_to_depth] = row(1, 1, infer_space_to_depth, same_scale());
  table[OpType::depth_to_space] = row(1, 1, infer_depth_to_space, same_scale());
  table[OpType::space_to_batch_nd] = row(3, 3, infer_space_to_batch, same_scale());
  table[OpType::batch_to_space_nd] = row(3, 3, infer_batch_to_space, same_scale());
}

}  // namespace smelt
