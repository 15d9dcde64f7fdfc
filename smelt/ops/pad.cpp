#include "smelt/ops/families.h"

namespace smelt {
namespace {

/// x, paddings [rank, 2]: cells in front of and behind each axis.
void infer_pad(ShapeContext& context) {
  const Shape& x = context.shape(0);
  const std::vector<int64_t>& cells = context.values(1);
  if (static_cast<int>(cells.size()) != 2 * x.rank()) {
    fail(ErrorKind::bad_file, "{} paddings for an input of shape {}", cells.size(), to_string(x));
  }
  std::vector<int64_t> dims;
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t before = cells[2 * static_cast<size_t>(i)];
    const int64_t behind = cells[2 * static_cast<size_t>(i) + 1];
    if (before < 0 || behind < 0 || before > INT32_MAX || behind > INT32_MAX) {
      fail(ErrorKind::bad_file, "pads axis {} by {} and {} cells", i, before, behind);
    }
    dims.push_back(x[i] + before + behind);
  }
  context.set_output(0, checked_shape(dims));
}

void infer_mirror_pad(ShapeContext& context) {
  infer_pad(context);
  const Shape& x = context.shape(0);
  const int64_t edge = context.op.as<MirrorPadAttributes>().symmetric ? 0 : 1;
  for (int i = 0; i < x.rank(); ++i) {
    for (const size_t side : {0, 1}) {
      const int64_t cells = context.values(1)[2 * static_cast<size_t>(i) + side];
      if (cells > x[i] - edge && cells > 0) {
        fail(ErrorKind::bad_file, "mirrors {} cells of an axis of size {}", cells, x[i]);
      }
    }
  }
}

}  // namespace

void define_pad(OpTable& table) {
  table[OpType::pad] = row(2, 2, infer_pad, same_scale());
  table[OpType::padv2] = row(3, 3, infer_pad, same_scale());
  table[OpType::mirror_pad] = row(2, 2, infer_mirror_pad, same_scale());
}

}  // namespace smelt
