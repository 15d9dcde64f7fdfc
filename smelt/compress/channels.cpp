#include "smelt/compress/channels.h"

#include <algorithm>
#include <set>

#include "smelt/base/error.h"
#include "smelt/compress/channel_choice.h"
#include "smelt/ir/verify.h"

namespace smelt::compress {
namespace {

using Keep = std::vector<uint8_t>;

Keep kept_positions(const ChannelMap& map, const std::set<int>& removed,
                    const std::vector<int>& channels) {
  Keep keep;
  for (const int channel : channels) {
    keep.push_back(static_cast<uint8_t>(!removed.contains(map.find(channel))));
  }
  return keep;
}

int32_t count_kept(const Keep& keep) {
  return static_cast<int32_t>(std::count(keep.begin(), keep.end(), uint8_t{1}));
}

/// The constant without the positions of an axis that do not stay, or with zeros there.
Tensor sliced(const Tensor& from, int axis, const Keep& keep, bool zero) {
  const auto values = from.data.as<float>();
  const int64_t inner = from.shape.elements(axis + 1, from.shape.rank());
  const auto width = static_cast<int64_t>(keep.size());
  std::vector<float> result;
  for (int64_t run = 0; run * inner < from.shape.elements(); ++run) {
    const bool stays = keep[static_cast<size_t>(run % width)] != 0;
    if (!stays && !zero) continue;
    for (int64_t i = 0; i < inner; ++i) {
      result.push_back(stays ? values[static_cast<size_t>(run * inner + i)] : 0.0f);
    }
  }
  Tensor tensor = from;
  if (!zero) {
    tensor.shape[axis] = count_kept(keep);
    if (tensor.shape_signature) tensor.shape_signature = tensor.shape;
  }
  tensor.data = Buffer::of(result);
  return tensor;
}

void slice_constants(Graph& graph, const ChannelMap& map, const std::set<int>& removed, bool zero) {
  for (const ChannelSlice& slice : map.slices()) {
    const Keep keep = kept_positions(map, removed, slice.channels);
    if (count_kept(keep) == static_cast<int32_t>(keep.size())) continue;
    const TensorId before = graph.op(slice.op).inputs[slice.operand];
    // Operands of other ops that share the constant keep it, or get slices of their own.
    const TensorId after = graph.add_tensor(sliced(graph.tensor(before), slice.axis, keep, zero));
    graph.set_op_input(slice.op, slice.operand, after);
    if (graph.consumers(before).empty() && !graph.is_output(before)) graph.erase(before);
  }
}

void shrink_shapes(Graph& graph, const ChannelMap& map, const std::set<int>& removed) {
  for (const auto& [id, channels] : map.tensors()) {
    if (channels.empty()) continue;
    Tensor& tensor = graph.tensor(id);
    const int32_t width = count_kept(kept_positions(map, removed, channels));
    if (width == tensor.shape.back()) continue;
    const int last = tensor.shape.rank() - 1;
    tensor.shape[last] = width;
    if (tensor.shape_signature && tensor.shape_signature->rank() == tensor.shape.rank() &&
        (*tensor.shape_signature)[last] >= 0) {
      (*tensor.shape_signature)[last] = width;
    }
  }
}

/// RESHAPE and TRANSPOSE_CONV say the shape of their result.
void restate_shapes(Graph& graph, const ChannelMap& map) {
  for (const ChannelMap::StatedShape& stated : map.stated_shapes()) {
    const Op& op = graph.op(stated.op);
    const int32_t width = graph.tensor(op.output()).shape.back();
    Tensor shape = graph.tensor(op.inputs[stated.operand]);
    const auto old = shape.data.as<int32_t>();
    std::vector<int32_t> values(old.begin(), old.end());
    if (values.empty() || values.back() < 0 || values.back() == width) continue;
    values.back() = width;
    shape.data = Buffer::of(values);
    graph.set_op_input(stated.op, stated.operand, graph.add_tensor(std::move(shape)));
  }
  for (const OpId id : graph.ops()) {
    const Op& op = graph.op(id);
    if (op.type != OpType::reshape || map.channels(op.output()) == nullptr) continue;
    ReshapeAttributes attributes = op.as<ReshapeAttributes>();
    if (!attributes.new_shape || attributes.new_shape->empty()) continue;
    int32_t& last = attributes.new_shape->back();
    if (last >= 0) last = graph.tensor(op.output()).shape.back();
    graph.set_op_kind(id, OpType::reshape, attributes);
  }
}

ShrunkModel changed(const Model& model, const ChannelSettings& settings, bool zero) {
  ShrunkModel result{.model = model};
  Graph& graph = result.model.main();
  const ChannelMap map(model.main());
  ChannelChoice choice = choose_channels(model.main(), map, settings);
  result.groups = std::move(choice.groups);
  slice_constants(graph, map, choice.removed, zero);
  if (!zero) {
    shrink_shapes(graph, map, choice.removed);
    restate_shapes(graph, map);
  }
  graph.erase_unused_tensors();
  verify(result.model);
  return result;
}

}  // namespace

ShrunkModel remove_channels(const Model& model, const ChannelSettings& settings) {
  return changed(model, settings, false);
}

ShrunkModel zero_channels(const Model& model, const ChannelSettings& settings) {
  return changed(model, settings, true);
}

}  // namespace smelt::compress
