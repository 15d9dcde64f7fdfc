#include "smelt/quantize/recurrent_plan.h"

#include <algorithm>
#include <cmath>

#include "smelt/ir/dump.h"
#include "smelt/quantize/lstm_probe.h"
#include "smelt/quantize/scales.h"
#include "smelt/quantize/weight_plan.h"

namespace smelt {
namespace {

enum SvdfSlot : size_t { kFeature = 1, kTime, kSvdfBias, kState };
constexpr size_t kHiddenIntermediate = 4;

std::span<const float> values_of(const Tensor& tensor) { return tensor.data.as<float>(); }

Quantization scale_of(float scale) { return Quantization::per_tensor(scale, 0); }

float largest(const Tensor& tensor) { return max_abs(values_of(tensor), tensor.shape, -1)[0]; }

TensorPlan symmetric_int16(const Tensor& tensor) {
  return {tensor.name, DataType::int16, scale_of(symmetric_scale(largest(tensor), 32767))};
}

/// The least power of two for which int16 covers the value. Kernels of LiteRT take 2^-15 to 2^-9:
/// beyond 64 a state may be cut off, its tanh is 1 all the same.
float cell_state_scale(float max_abs) {
  const int bits = max_abs > 0 ? static_cast<int>(std::ceil(std::log2(max_abs))) : 0;
  return std::ldexp(1.0f, std::clamp(bits, 0, 6) - 15);
}

class LstmPlanner {
 public:
  LstmPlanner(const RecurrentOp& context, OpPlan& plan, std::map<TensorId, TensorPlan>& tensors)
      : context_(context),
        graph_(context.graph),
        op_(context.graph.op(context.id)),
        plan_(plan),
        tensors_(tensors) {
    norm_ = static_cast<bool>(op_.input(slots_.norm[kForgetGate]));
    projection_ = static_cast<bool>(op_.input(slots_.projection));
    if (op_.intermediates.size() != kHiddenIntermediate + 1) {
      fail(ErrorKind::bad_argument, "{} lacks intermediate tensors; complete_recurrent adds them",
           describe(graph_, context.id));
    }
  }

  void run() {
    const DataType type = activation_type();
    const Quantization hidden = plan_hidden(type);
    for (size_t gate = 0; gate < kGates; ++gate) plan_gate(gate);
    if (projection_) plan_projection(hidden);
    store(op_.input(slots_.output_state), type, context_.y);
    const TensorId cell = op_.input(slots_.cell_state);
    store(cell, DataType::int16, scale_of(cell_state_scale(reach(cell))));
  }

 private:
  DataType activation_type() const {
    return context_.config.precision == Precision::int16x8 ? DataType::int16 : DataType::int8;
  }

  float reach(TensorId id) const {
    const Range range = context_.range(id);
    return std::max(std::abs(range.min), std::abs(range.max));
  }

  void store(TensorId id, DataType type, Quantization quantization) {
    tensors_[id] = {graph_.tensor(id).name, type, std::move(quantization)};
  }

  /// Without a projection the hidden value is the result.
  Quantization plan_hidden(DataType type) {
    const TensorId id = op_.intermediates[kHiddenIntermediate];
    Quantization quantization = context_.y;
    if (projection_) {
      const Range range = context_.range(id);
      quantization = activation_scale(type, range.min, range.max);
    }
    store(id, type, quantization);
    return quantization;
  }

  void plan_gate(size_t gate) {
    if (!op_.input(slots_.input[gate])) return;  // coupled to the forget gate
    const Tensor& bias = *graph_.constant_input(op_, slots_.bias[gate]);
    const float x_scale = context_.x.scale[0];
    TensorPlan weights = weights_of(slots_.input[gate], norm_ ? nullptr : &bias, x_scale);
    if (norm_) {
      plan_norm(gate, bias);
    } else {
      plan_.operands.push_back({slots_.bias[gate], integer_bias(bias, x_scale, weights.quantization,
                                                                context_.config.precision)});
    }
    plan_.operands.push_back({slots_.input[gate], std::move(weights)});
    plan_.operands.push_back({slots_.recurrent[gate], weights_of(slots_.recurrent[gate], nullptr)});
    const size_t peephole = slots_.peephole[gate];
    if (peephole != kAbsent && op_.input(peephole)) {
      plan_.operands.push_back({peephole, symmetric_int16(*graph_.constant_input(op_, peephole))});
    }
  }

  TensorPlan weights_of(size_t index, const Tensor* bias, float input_scale = 1) const {
    const Tensor& weights = *graph_.constant_input(op_, index);
    return integer_weights(op_, weights, -1, bias, input_scale, context_.config);
  }

  void plan_norm(size_t gate, const Tensor& bias) {
    TensorPlan weights = symmetric_int16(*graph_.constant_input(op_, slots_.norm[gate]));
    const float scale = std::ldexp(weights.quantization.scale[0], -10);
    plan_.operands.push_back({slots_.bias[gate], {bias.name, DataType::int32, scale_of(scale)}});
    plan_.operands.push_back({slots_.norm[gate], std::move(weights)});
    const TensorId sums = op_.intermediates[gate];
    store(sums, DataType::int16, scale_of(symmetric_scale(reach(sums), 32767)));
  }

  void plan_projection(const Quantization& hidden) {
    const Tensor* bias = graph_.constant_input(op_, slots_.projection_bias);
    TensorPlan weights = weights_of(slots_.projection, bias, hidden.scale[0]);
    if (bias) {
      plan_.operands.push_back(
          {slots_.projection_bias,
           integer_bias(*bias, hidden.scale[0], weights.quantization, context_.config.precision)});
    }
    plan_.operands.push_back({slots_.projection, std::move(weights)});
  }

  const RecurrentOp& context_;
  const Graph& graph_;
  const Op& op_;
  OpPlan& plan_;
  std::map<TensorId, TensorPlan>& tensors_;
  const LstmSlots slots_ = full_lstm_slots();
  bool norm_ = false, projection_ = false;
};

/// The sum of |time weights| of a unit, the largest of all units.
float largest_sum(const Tensor& time, int32_t rank) {
  const std::span<const float> values = values_of(time);
  const size_t count = static_cast<size_t>(rank) * static_cast<size_t>(time.shape[1]);
  double most = 0;
  for (size_t first = 0; count > 0 && first + count <= values.size(); first += count) {
    double sum = 0;
    for (const float v : values.subspan(first, count)) sum += std::abs(v);
    most = std::max(most, sum);
  }
  return static_cast<float>(most);
}

void plan_svdf(const RecurrentOp& context, OpPlan& plan, std::map<TensorId, TensorPlan>& tensors) {
  const Graph& graph = context.graph;
  const Op& op = graph.op(context.id);
  const auto constant = [&](size_t i) -> const Tensor& { return *graph.constant_input(op, i); };
  const Tensor& time = constant(kTime);
  const Tensor& bias = constant(kSvdfBias);
  const TensorId state = op.input(kState);
  const Range range = context.range(state);
  const float state_scale =
      symmetric_scale(std::max(std::abs(range.min), std::abs(range.max)), 32767);
  // Time weights in 10 bits leave 6 for the sum of products. Where there are more of them than
  // that holds, larger steps keep the sum in int32.
  float time_scale = std::max(symmetric_scale(largest(time), 512),
                              largest_sum(time, op.as<SvdfAttributes>().rank) / 32768);
  time_scale = widened_weight_scale(largest(bias), state_scale, time_scale);
  plan.operands.push_back(
      {kFeature, integer_weights(op, constant(kFeature), -1, nullptr, 1, context.config)});
  plan.operands.push_back({kTime, {time.name, DataType::int16, scale_of(time_scale)}});
  plan.operands.push_back(
      {kSvdfBias, {bias.name, DataType::int32, scale_of(bias_scale(state_scale, time_scale))}});
  tensors[state] = {graph.tensor(state).name, DataType::int16, scale_of(state_scale)};
}

std::string lstm_obstacle(const Graph& graph, const Op& op, Precision precision) {
  if (!LstmProbe::fits(graph, op)) {
    return "integer kernels know LSTM cells with tanh and constant float32 weights only";
  }
  if (precision == Precision::int8) return "";
  const LstmSlots slots = full_lstm_slots();
  const bool plain = op.input(slots.input[kInputGate]) && !op.input(slots.peephole[kOutputGate]) &&
                     !op.input(slots.norm[kForgetGate]) && !op.input(slots.projection);
  if (op.type == OpType::unidirectional_sequence_lstm && plain) return "";
  return "TFLite Micro's int16 kernel knows UNIDIRECTIONAL_SEQUENCE_LSTM without peephole weights, "
         "normalization, projection and coupled gates only";
}

std::string svdf_obstacle(const Graph& graph, const Op& op, Precision precision) {
  if (precision == Precision::int16x8) return "TFLite Micro has no int16 kernel for it";
  const Activation activation = op.as<SvdfAttributes>().activation;
  if (activation == Activation::tanh || activation == Activation::sign_bit) {
    return fmt::format("its int8 kernel has no activation {}", name(activation));
  }
  for (const size_t i : {kFeature, kTime, kSvdfBias}) {
    const Tensor* weights = graph.constant_input(op, i);
    if (!weights && !op.input(i)) continue;
    if (!weights || weights->type != DataType::float32 || weights->sparsity) {
      return "its weights are not constant float32 values";
    }
  }
  return "";
}

}  // namespace

bool is_integer_recurrent(OpType type) {
  return type == OpType::lstm || type == OpType::unidirectional_sequence_lstm ||
         type == OpType::svdf;
}

std::string recurrent_obstacle(const Graph& graph, const Op& op, Precision precision) {
  if (!is_integer_recurrent(op.type)) return "";
  return op.type == OpType::svdf ? svdf_obstacle(graph, op, precision)
                                 : lstm_obstacle(graph, op, precision);
}

void plan_integer_recurrent(const RecurrentOp& op, OpPlan& plan,
                            std::map<TensorId, TensorPlan>& tensors) {
  if (op.graph.op(op.id).type == OpType::svdf) return plan_svdf(op, plan, tensors);
  LstmPlanner(op, plan, tensors).run();
}

std::vector<size_t> recurrent_weights(const Op& op) {
  std::vector<size_t> indices;
  switch (op.type) {
    case OpType::svdf:
    case OpType::rnn:
    case OpType::unidirectional_sequence_rnn:
      indices = {1, 2};
      break;
    case OpType::bidirectional_sequence_rnn:
      indices = {1, 2, 5, 6, 10, 11};
      break;
    case OpType::lstm:
    case OpType::unidirectional_sequence_lstm:
      indices = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16};
      break;
    case OpType::bidirectional_sequence_lstm:
      indices = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 16, 18, 19, 20, 21,
                 22, 23, 24, 25, 26, 27, 28, 33, 40, 41, 42, 43, 44, 45, 46, 47};
      break;
    default:
      break;
  }
  std::erase_if(indices, [&](size_t i) { return !op.input(i); });
  return indices;
}

}  // namespace smelt
