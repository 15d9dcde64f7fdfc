// Pattern   BATCH_TO_SPACE_ND(CONV(SPACE_TO_BATCH_ND(x))), CONV being CONV_2D or DEPTHWISE_CONV_2D
// of
//           stride 1 with VALID padding; for sequences [N,T,C] with a RESHAPE to [N,1,T,C] and back
//           around it
// Result    the convolution of x with the block as its dilation, as TensorFlow once spelled it
// Before    both blocks are the same, and what padding and cropping leave is SAME or VALID padding

#include <array>

#include "smelt/ops/op_def.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/rewrite.h"

namespace smelt {
namespace {

OpId maker(const Graph& graph, TensorId id, OpType type) {
  if (!id || graph.consumers(id).size() != 1 || graph.is_output(id)) return OpId::none;
  const OpId producer = graph.producer(id);
  return producer && graph.op(producer).type == type ? producer : OpId::none;
}

/// The ops of the pattern; the reshapes are none for images.
struct Chain {
  OpId spread, reshape_in, conv, reshape_out, gather;
};

std::optional<Chain> find_chain(const Graph& graph, OpId gather) {
  Chain chain{.gather = gather};
  TensorId id = graph.op(gather).input(0);
  if ((chain.reshape_out = maker(graph, id, OpType::reshape))) {
    id = graph.op(chain.reshape_out).input(0);
  }
  for (const OpType type : {OpType::conv_2d, OpType::depthwise_conv_2d}) {
    if (!chain.conv) chain.conv = maker(graph, id, type);
  }
  if (!chain.conv) return std::nullopt;
  id = graph.op(chain.conv).input(0);
  if (chain.reshape_out) {
    chain.reshape_in = maker(graph, id, OpType::reshape);
    if (!chain.reshape_in) return std::nullopt;
    id = graph.op(chain.reshape_in).input(0);
  }
  chain.spread = maker(graph, id, OpType::space_to_batch_nd);
  if (!chain.spread) return std::nullopt;
  return chain;
}

/// [N,T,C] as [N,1,T,C]; images as they are.
Shape as_image(const Shape& shape) {
  return shape.rank() == 3 ? Shape{shape[0], 1, shape[1], shape[2]} : shape;
}

/// Blocks of both axes, 1 in front for sequences.
std::optional<std::array<int64_t, 2>> blocks(const Graph& graph, OpId id, int rank) {
  const auto values = int_constant(graph, graph.op(id), 1);
  if (!values || static_cast<int>(values->size()) != rank - 2) return std::nullopt;
  if (rank == 3) return std::array<int64_t, 2>{1, (*values)[0]};
  return std::array<int64_t, 2>{(*values)[0], (*values)[1]};
}

/// Cells in front of each axis that operand 2 adds or drops.
std::optional<std::array<int64_t, 2>> fronts(const Graph& graph, OpId id, int rank) {
  const auto values = int_constant(graph, graph.op(id), 2);
  if (!values || static_cast<int>(values->size()) != 2 * (rank - 2)) return std::nullopt;
  if (rank == 3) return std::array<int64_t, 2>{0, (*values)[0]};
  return std::array<int64_t, 2>{(*values)[0], (*values)[2]};
}

/// The padding of a dilated convolution with these windows.
std::optional<Padding> padding_of(const Shape& x, const Shape& y, const Shape& w,
                                  const std::array<int64_t, 2>& dilation,
                                  const std::array<int64_t, 2>& front) {
  for (const Padding padding : {Padding::valid, Padding::same}) {
    bool fits = true;
    for (int i = 0; i < 2 && fits; ++i) {
      const auto k = static_cast<size_t>(i);
      const auto step = static_cast<int32_t>(dilation[k]);
      const int64_t span = (int64_t{w[i + 1]} - 1) * step + 1;
      if (padding == Padding::valid && span > x[i + 1]) return std::nullopt;
      const int32_t size = window_output_size(padding, x[i + 1], w[i + 1], 1, step);
      const int64_t wanted =
          padding == Padding::valid ? 0 : window_padding(x[i + 1], w[i + 1], 1, step, size);
      fits = size == y[i + 1] && front[k] == wanted;
    }
    if (fits) return padding;
  }
  return std::nullopt;
}

void set_reshape(Graph& graph, OpId id, const std::vector<int32_t>& dims, std::string_view role) {
  Tensor shape = Tensor::constant<int32_t>(
      fmt::format("{}/{}", graph.tensor(graph.op(id).output()).name, role),
      {static_cast<int32_t>(dims.size())}, dims);
  graph.set_op_input(id, 1, graph.add_tensor(std::move(shape)));
  graph.set_op_kind(id, OpType::reshape, ReshapeAttributes{.new_shape = dims});
}

bool set_dilation(Attributes& attributes, const std::array<int64_t, 2>& dilation, Padding padding) {
  return std::visit(
      [&](auto& a) {
        using A = std::decay_t<decltype(a)>;
        if constexpr (std::is_same_v<A, Conv2DAttributes> ||
                      std::is_same_v<A, DepthwiseConv2DAttributes>) {
          const bool plain = a.padding == Padding::valid && a.stride_h == 1 && a.stride_w == 1 &&
                             a.dilation_h == 1 && a.dilation_w == 1;
          a.padding = padding;
          a.dilation_h = static_cast<int32_t>(dilation[0]);
          a.dilation_w = static_cast<int32_t>(dilation[1]);
          return plain;
        }
        return false;
      },
      attributes);
}

bool merge(Graph& graph, OpId gather) {
  const auto chain = find_chain(graph, gather);
  if (!chain) return false;
  const TensorId x = graph.op(chain->spread).input(0);
  const TensorId y = graph.op(gather).output();
  const int rank = graph.tensor(x).shape.rank();
  if ((rank != 4 && rank != 3) || (rank == 3) != static_cast<bool>(chain->reshape_in)) return false;
  if (graph.tensor(x).type != DataType::float32 || !graph.op(chain->conv).input(1)) return false;
  const Shape in = as_image(graph.tensor(x).shape);
  const Shape out = as_image(graph.tensor(y).shape);
  const Shape w = graph.tensor(graph.op(chain->conv).input(1)).shape;
  const auto dilation = blocks(graph, chain->spread, rank);
  const auto added = fronts(graph, chain->spread, rank);
  const auto dropped = fronts(graph, gather, rank);
  if (!dilation || dilation != blocks(graph, gather, rank) || !added || !dropped) return false;
  if (in.rank() != 4 || out.rank() != 4 || w.rank() != 4 || !in.known() || !w.known()) return false;
  constexpr int64_t kMaxDilation = 1 << 20;
  for (const int64_t step : *dilation) {
    if (step < 1 || step > kMaxDilation) return false;
  }
  const auto padding =
      padding_of(in, out, w, *dilation, {(*added)[0] - (*dropped)[0], (*added)[1] - (*dropped)[1]});
  Attributes attributes = graph.op(chain->conv).attributes;
  if (!padding || !set_dilation(attributes, *dilation, *padding)) return false;
  // The convolution's result and that of the first reshape have other shapes from now on.
  graph.set_op_kind(chain->conv, graph.op(chain->conv).type, attributes);
  const TensorId convolved = graph.op(chain->conv).output();
  if (rank == 4) {
    graph.set_op_input(chain->conv, 0, x);
    graph.erase(gather);
    graph.set_op_output(chain->conv, 0, y);
  } else {
    graph.set_op_input(chain->reshape_in, 0, x);
    set_reshape(graph, chain->reshape_in, {-1, 1, in[2], in[3]}, "rows");
    set_reshape(graph, chain->reshape_out, {-1, out[2], out[3]}, "steps");
    Tensor& rows = graph.tensor(graph.op(chain->reshape_in).output());
    rows.shape = in;
    rows.shape_signature.reset();
    graph.tensor(convolved).shape = out;
    graph.tensor(convolved).shape_signature.reset();
    graph.erase(gather);
    graph.set_op_output(chain->reshape_out, 0, y);
  }
  graph.erase(chain->spread);
  return true;
}

}  // namespace

int merge_dilation(Graph& graph) {
  int rewrites = 0;
  for (const OpId id : graph.ops()) {
    if (!graph.contains(id) || graph.op(id).type != OpType::batch_to_space_nd) continue;
    rewrites += merge(graph, id);
  }
  return rewrites;
}

}  // namespace smelt
