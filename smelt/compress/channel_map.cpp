#include "smelt/compress/channel_map.h"

#include <algorithm>
#include <numeric>

#include "smelt/base/error.h"
#include "smelt/ir/dump.h"

namespace smelt::compress {

ChannelMap::ChannelMap(const Graph& graph) : graph_(graph) {
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant || graph.producer(id)) continue;
    tensors_[id] = new_channels(id, "it is read from outside of the graph");
  }
  for (const OpId id : graph.ops()) visit(id);
  for (const TensorId id : graph.outputs()) {
    if (const auto* found = channels(id)) {
      pin(*found, fmt::format("it is part of output '{}' of the model", graph.tensor(id).name));
    }
  }
}

const std::vector<int>* ChannelMap::channels(TensorId id) const {
  const auto found = tensors_.find(id);
  return found == tensors_.end() || found->second.empty() ? nullptr : &found->second;
}

int ChannelMap::find(int channel) const {
  while (parent_[static_cast<size_t>(channel)] != channel) {
    int& parent = parent_[static_cast<size_t>(channel)];
    parent = parent_[static_cast<size_t>(parent)];
    channel = parent;
  }
  return channel;
}

const std::string& ChannelMap::pinned(int channel) const {
  return reason_[static_cast<size_t>(find(channel))];
}

std::vector<int> ChannelMap::new_channels(TensorId id, const std::string& reason) {
  const Shape& shape = graph_.tensor(id).shape;
  if (shape.rank() == 0) return {};
  std::vector<int> made(static_cast<size_t>(std::max(0, shape.back())));
  std::iota(made.begin(), made.end(), static_cast<int>(parent_.size()));
  parent_.insert(parent_.end(), made.begin(), made.end());
  reason_.resize(parent_.size(), reason);
  return made;
}

void ChannelMap::pin(const std::vector<int>& channels, const std::string& reason) {
  for (const int channel : channels) {
    std::string& known = reason_[static_cast<size_t>(find(channel))];
    if (known.empty()) known = reason;
  }
}

void ChannelMap::unite(int a, int b) {
  a = find(a);
  b = find(b);
  if (a == b) return;
  if (a > b) std::swap(a, b);
  parent_[static_cast<size_t>(b)] = a;
  std::string& reason = reason_[static_cast<size_t>(a)];
  if (reason.empty()) reason = reason_[static_cast<size_t>(b)];
}

bool ChannelMap::is_kernel(OpId id, size_t operand) const {
  const Tensor* constant = graph_.constant_input(graph_.op(id), operand);
  return constant != nullptr && constant->type == DataType::float32 && !constant->sparsity &&
         static_cast<int64_t>(constant->data.size()) == 4 * constant->shape.elements();
}

void ChannelMap::slice(OpId id, size_t operand, int axis, const std::vector<int>& channels) {
  slices_.push_back({id, operand, axis, channels});
}

void ChannelMap::pin_op(OpId id) {
  const std::string reason = fmt::format("it reaches {}", describe(graph_, id));
  const Op& op = graph_.op(id);
  for (const TensorId input : op.inputs) {
    if (const auto* found = channels(input)) pin(*found, reason);
  }
  for (const TensorId output : op.outputs) {
    if (output) tensors_[output] = new_channels(output, reason);
  }
}

}  // namespace smelt::compress
