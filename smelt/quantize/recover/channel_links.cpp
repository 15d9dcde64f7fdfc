#include "smelt/quantize/recover/channel_links.h"

#include <algorithm>

#include "smelt/quantize/recover/geometry.h"

namespace smelt {
namespace {

/// Weights and bias that nothing else reads, so that they may change.
bool owns_weights(const Graph& graph, const Op& op) {
  if (!geometry_of(graph, op)) return false;
  for (size_t i = 1; i < op.inputs.size(); ++i) {
    if (!op.inputs[i]) continue;
    const Tensor* constant = graph.constant_input(op, i);
    if (!constant || constant->type != DataType::float32) return false;
    if (i == 1 && graph.consumers(op.inputs[i]).size() > 1) return false;
  }
  return true;
}

/// The only reader of a tensor, none where there are more or the caller sees it.
OpId only_reader(const Graph& graph, TensorId id) {
  if (graph.is_output(id) || graph.consumers(id).size() != 1) return OpId::none;
  return graph.consumers(id)[0];
}

bool keeps_last_axis(const Graph& graph, const Op& op) {
  const Tensor* axes = graph.constant_input(op, 1);
  if (!axes || axes->type != DataType::int32) return false;
  const int rank = graph.tensor(op.inputs[0]).shape.rank();
  const auto values = axes->data.as<int32_t>();
  return std::none_of(values.begin(), values.end(),
                      [&](int32_t axis) { return axis == -1 || axis == rank - 1; });
}

bool pads_no_channels(const Graph& graph, const Op& op) {
  const Tensor* pads = graph.constant_input(op, 1);
  if (!pads || pads->type != DataType::int32) return false;
  const auto values = pads->data.as<int32_t>();
  return values.size() >= 2 && values[values.size() - 1] == 0 && values[values.size() - 2] == 0;
}

/// How an op passes channels on.
struct Passage {
  bool scales = false;  ///< c times a channel gives c times its result (c > 0)
  bool shifts = false;  ///< a channel + c gives its result + c
};

Passage passage(const Graph& graph, const Op& op, int64_t channels) {
  const auto activation = fused_activation(op.attributes).value_or(Activation::none);
  if (activation != Activation::none && activation != Activation::relu) return {};
  const bool linear = activation == Activation::none;
  const Shape& result = graph.tensor(op.outputs[0]).shape;
  switch (op.type) {
    case OpType::relu:
    case OpType::leaky_relu:
      return {.scales = true};
    case OpType::max_pool_2d:
    case OpType::average_pool_2d:
      return {.scales = true, .shifts = linear};
    case OpType::mean:
      return keeps_last_axis(graph, op) ? Passage{true, true} : Passage{};
    case OpType::pad:
      return {.scales = pads_no_channels(graph, op)};
    case OpType::reshape: {
      const bool periodic = result.rank() > 0 && result.back() % channels == 0;
      return {.scales = periodic, .shifts = periodic};
    }
    default:
      return {};
  }
}

bool has_padding(const LayerGeometry& g) {
  const auto inside = [](int64_t in, int64_t out, int64_t filter, int64_t stride, int64_t dilation,
                         int64_t pad) {
    return pad <= 0 && (out - 1) * stride + (filter - 1) * dilation - pad < in;
  };
  return !inside(g.in_h, g.out_h, g.filter_h, g.stride_h, g.dilation_h, g.pad_h) ||
         !inside(g.in_w, g.out_w, g.filter_w, g.stride_w, g.dilation_w, g.pad_w);
}

/// Whether the second layer reads `channels` channels over and over along its last axis.
bool reads_channels(const LayerGeometry& g, int64_t channels) {
  return g.channels % channels == 0 && (g.filter_h * g.filter_w == 1 || g.channels == channels) &&
         (g.groups == 1 || g.channels == channels);
}

}  // namespace

std::vector<ChannelLink> channel_links(const Graph& graph) {
  std::vector<ChannelLink> links;
  for (const OpId first : graph.ops()) {
    const Op& op = graph.op(first);
    if (!owns_weights(graph, op)) continue;
    const auto activation = fused_activation(op.attributes).value_or(Activation::none);
    if (activation != Activation::none && activation != Activation::relu &&
        activation != Activation::relu6) {
      continue;
    }
    ChannelLink link{.first = first,
                     .channels = geometry_of(graph, op)->outputs,
                     .result = op.output(),
                     .ceiling = activation == Activation::relu6 ? 6.0f : 0.0f,
                     .shifts = activation != Activation::relu6};
    OpId next = only_reader(graph, op.output());
    while (next && !owns_weights(graph, graph.op(next))) {
      const Op& between = graph.op(next);
      const Passage through = passage(graph, between, link.channels);
      if (!through.scales) break;
      link.shifts &= through.shifts;
      next = only_reader(graph, between.output());
    }
    if (!next || !owns_weights(graph, graph.op(next))) continue;
    const LayerGeometry g = *geometry_of(graph, graph.op(next));
    if (!reads_channels(g, link.channels)) continue;
    link.second = next;
    link.shifts &= !has_padding(g);
    links.push_back(link);
  }
  return links;
}

std::vector<int32_t> result_channels(const Graph& graph, const Op& op) {
  const LayerGeometry g = *geometry_of(graph, op);
  std::vector<int32_t> channels(static_cast<size_t>(g.outputs * g.patch_size()));
  for (int64_t o = 0; o < g.outputs; ++o) {
    for (int64_t k = 0; k < g.patch_size(); ++k) {
      channels[static_cast<size_t>(g.weight_index(o, k))] = static_cast<int32_t>(o);
    }
  }
  return channels;
}

std::vector<int32_t> operand_channels(const Graph& graph, const Op& op, int64_t channels) {
  const LayerGeometry g = *geometry_of(graph, op);
  std::vector<int32_t> result(static_cast<size_t>(g.outputs * g.patch_size()));
  for (int64_t o = 0; o < g.outputs; ++o) {
    const int64_t first = g.group_of(o) * g.group_channels();
    for (int64_t k = 0; k < g.patch_size(); ++k) {
      const int64_t channel = first + k % g.group_channels();
      result[static_cast<size_t>(g.weight_index(o, k))] = static_cast<int32_t>(channel % channels);
    }
  }
  return result;
}

}  // namespace smelt
