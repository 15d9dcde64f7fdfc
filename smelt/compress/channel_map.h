#pragma once

#include <map>
#include <string>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt::compress {

/// Positions of a constant operand that go with channels: position i of `axis` with channels[i].
struct ChannelSlice {
  OpId op;
  size_t operand = 0;
  int axis = 0;
  std::vector<int> channels;
};

/// An op whose weights make channels: rows of `kernel` along its axis 0.
struct ChannelProducer {
  OpId op;
  std::vector<int> channels;
};

/// Which positions of the last axes of a graph's tensors can only go together. Every position of
/// every computed tensor belongs to a channel; channels that are added, multiplied or passed on
/// position by position are one. A channel starts in the rows of a convolution (CONV_2D of one
/// group, TRANSPOSE_CONV) or of a FULLY_CONNECTED layer and ends in the columns of such layers, in
/// those of the kernel of a RECURRENT op, and in the slices of the constants on its way (biases,
/// depthwise kernels, normalizations). Graphs in training form and in that of a .tflite.
///
/// A channel is pinned where it reaches an op that does more with it (SOFTMAX, a sum over the last
/// axis, ops that are not known here), a kernel that is computed, or an output of the graph.
class ChannelMap {
 public:
  explicit ChannelMap(const Graph& graph);

  /// Channels along the last axis of a computed tensor of rank 1 or more; null for others.
  const std::vector<int>* channels(TensorId id) const;
  /// The number that stands for all channels that are one with this one.
  int find(int channel) const;
  /// Why a channel has to stay: "it reaches op 4 SOFTMAX (layer p)"; empty where it may go.
  const std::string& pinned(int channel) const;

  const std::map<TensorId, std::vector<int>>& tensors() const { return tensors_; }
  const std::vector<ChannelSlice>& slices() const { return slices_; }
  const std::vector<ChannelProducer>& producers() const { return producers_; }
  /// Ops whose operand (an int32 constant) states the last axis of their result.
  struct StatedShape {
    OpId op;
    size_t operand;
  };
  const std::vector<StatedShape>& stated_shapes() const { return stated_; }

 private:
  void visit(OpId id);
  void visit_convolution(OpId id, size_t x, bool transposed);
  void visit_depthwise(OpId id);
  void visit_dense(OpId id);
  void visit_recurrent(OpId id);
  void visit_batch_norm(OpId id);
  void visit_elementwise(OpId id);
  void visit_concatenation(OpId id);
  void visit_reshape(OpId id);
  void pass_on(OpId id);
  void pin_op(OpId id);

  std::vector<int> new_channels(TensorId id, const std::string& reason);
  void pin(const std::vector<int>& channels, const std::string& reason);
  void unite(int a, int b);
  bool is_kernel(OpId id, size_t operand) const;
  void slice(OpId id, size_t operand, int axis, const std::vector<int>& channels);

  const Graph& graph_;
  std::map<TensorId, std::vector<int>> tensors_;
  mutable std::vector<int> parent_;
  std::vector<std::string> reason_;  ///< of each number that stands for channels
  std::vector<ChannelSlice> slices_;
  std::vector<ChannelProducer> producers_;
  std::vector<StatedShape> stated_;
};

}  // namespace smelt::compress
