#include "smelt/train/layers/sample_axis.h"

#include <algorithm>

#include "smelt/ops/infer.h"
#include "smelt/ops/slice_spec.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

class SampleAxis {
 public:
  explicit SampleAxis(const LayerArguments& args) : args_(args), op_(args.op) {}

  /// Whether the op leaves axis 0 alone.
  bool stays() const {
    switch (op_.type) {
      case OpType::mean:
      case OpType::sum:
      case OpType::reduce_max:
      case OpType::reduce_min:
      case OpType::reduce_prod:
      case OpType::reduce_any:
      case OpType::reduce_all:
      case OpType::arg_max:
      case OpType::arg_min:
      case OpType::cumsum:
      case OpType::reverse_v2:
        return !value(0) || !names_axis_0(1, shape(0).rank());
      case OpType::softmax:
      case OpType::log_softmax:
      case OpType::l2_normalization:
        return !value(0) || shape(0).rank() > 1;
      case OpType::concatenation:
        return !is_axis_0(op_.as<ConcatenationAttributes>().axis, shape(0).rank());
      case OpType::pack:
        return !is_axis_0(op_.as<PackAttributes>().axis, shape(0).rank() + 1);
      case OpType::unpack:
        return !is_axis_0(op_.as<UnpackAttributes>().axis, shape(0).rank());
      case OpType::split:
        return !value(1) || !names_axis_0(0, shape(1).rank());
      case OpType::split_v:
        return !value(0) || !names_axis_0(2, shape(0).rank());
      case OpType::transpose:
        return !value(0) || moves_axis_0_by_nothing();
      case OpType::pad:
      case OpType::padv2:
      case OpType::mirror_pad:
      case OpType::tile:
      case OpType::slice:
      case OpType::strided_slice:
      case OpType::dilate:
        return !value(0) || keeps_axis_0();
      case OpType::gather: {
        const auto& a = op_.as<GatherAttributes>();
        return !value(0) || !is_axis_0(a.axis, shape(0).rank());
      }
      case OpType::gather_nd:
      case OpType::scatter_nd:
      case OpType::segment_sum:
      case OpType::where:
      case OpType::unique:
        return false;
      default:
        return true;
    }
  }

 private:
  /// Whether operand i is a value of the batch, and no parameter or constant.
  bool value(size_t i) const { return args_.input(i).value != nullptr; }
  const Shape& shape(size_t i) const { return args_.graph.tensor(op_.inputs.at(i)).shape; }
  const Shape& result() const { return args_.graph.tensor(op_.output()).shape; }
  static bool is_axis_0(int64_t axis, int rank) { return normalized_axis(axis, rank) == 0; }

  std::vector<int64_t> values(size_t i) const {
    const Tensor* constant = args_.graph.constant_input(op_, i);
    const auto found = constant != nullptr ? index_values(*constant) : std::nullopt;
    if (!found) refuse(args_, fmt::format("operand {} is not constant", i));
    return *found;
  }

  bool names_axis_0(size_t i, int rank) const {
    return std::ranges::any_of(values(i), [&](int64_t axis) { return is_axis_0(axis, rank); });
  }

  bool moves_axis_0_by_nothing() const {
    const std::vector<int64_t> order = values(1);
    if (order.empty() || order[0] == 0) return true;
    return shape(0)[0] == 1 && result()[0] == 1;
  }

  /// Of ops whose result has a row for every row of the operand where axis 0 is whole. A new axis
  /// or a shrunken one may stand in front.
  bool keeps_axis_0() const {
    const Shape& x = shape(0);
    if (op_.type == OpType::strided_slice) {
      const AxisSlice first =
          strided_slice_spec(op_.as<StridedSliceAttributes>(), x, values(1), values(2), values(3))
              .axes.at(0);
      return first.begin == 0 && first.stride == 1 && first.count == x[0];
    }
    return x.rank() == 0 || (result().rank() == x.rank() && result()[0] == x[0]);
  }

  const LayerArguments& args_;
  const Op& op_;
};

}  // namespace

void require_samples_apart(const LayerArguments& args) {
  if (SampleAxis(args).stays()) return;
  refuse(args, "it works along axis 0, that of the samples, and a batch would mix them");
}

}  // namespace smelt::train
