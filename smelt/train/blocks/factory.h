#pragma once

#include <functional>
#include <optional>

#include "smelt/train/layer.h"
#include "smelt/train/quantization_map.h"

namespace smelt::train {

/// A linear op (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED) with constant weights and what is
/// computed together with it: a batch normalization and a clamping activation behind it, each the
/// only reader of what stands before it.
struct BlockMatch {
  OpId linear;
  OpId norm;        ///< or none
  OpId activation;  ///< or none
  TensorId output;
};

/// `is_point` says which tensors must stay values of the module.
std::optional<BlockMatch> match_block(const Graph& graph, OpId op,
                                      const std::function<bool(TensorId)>& is_point);

/// What the module gives to a block.
struct BlockArguments {
  const Graph& graph;
  const BlockMatch& match;
  std::string name;
  Operand x;
  Parameter* kernel = nullptr;
  bool shared_kernel = false;
  Parameter* bias = nullptr;  ///< or null, and so are the next two
  Parameter* gamma = nullptr;
  Parameter* beta = nullptr;
  Statistic* mean = nullptr;
  Statistic* variance = nullptr;
  Value* y = nullptr;
  const FakeQuant* quant = nullptr;
  const WeightQuant* weight_quant = nullptr;
  const bool* norms_frozen = nullptr;
  int64_t max_samples = 1;
  int threads = 1;
};
std::unique_ptr<Layer> make_block(const BlockArguments& arguments);

}  // namespace smelt::train
