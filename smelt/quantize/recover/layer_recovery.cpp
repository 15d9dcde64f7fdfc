#include "smelt/quantize/recover/layer_recovery.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/base/parallel.h"
#include "smelt/ir/dump.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/ops/op_def.h"
#include "smelt/quantize/apply.h"
#include "smelt/quantize/recover/bias_error.h"
#include "smelt/quantize/scales.h"

namespace smelt {
namespace {

constexpr int kBiasRounds = 3;

/// Few samples tell little about many weights: where the error on others does not fall with the
/// damping of GPTQ, stronger ones are tried.
constexpr double kDampings[] = {0.01, 0.1, 1.0};

template <class T>
Buffer stored_bias(const std::vector<double>& bias, const Quantization& q) {
  constexpr double kMost = std::numeric_limits<T>::max() / 2;
  std::vector<T> stored(bias.size());
  for (size_t i = 0; i < bias.size(); ++i) {
    const double scale = q.scale[q.scale.size() == 1 ? 0 : i];
    stored[i] = static_cast<T>(std::clamp(std::round(bias[i] / scale), -kMost, kMost));
  }
  return Buffer::of(stored);
}

/// What the biases that the plan holds stand for.
template <class T>
std::vector<double> real_values(const OperandPlan& bias) {
  const auto stored = bias.values.as<T>();
  const std::vector<float>& scale = bias.as.quantization.scale;
  std::vector<double> real(stored.size());
  for (size_t i = 0; i < real.size(); ++i) {
    real[i] =
        static_cast<double>(stored[i]) * (scale.empty() ? 1 : scale[scale.size() == 1 ? 0 : i]);
  }
  return real;
}

std::vector<double> planned_bias(const OperandPlan& bias) {
  switch (bias.as.type) {
    case DataType::int32:
      return real_values<int32_t>(bias);
    case DataType::int64:
      return real_values<int64_t>(bias);
    default:
      return real_values<float>(bias);
  }
}

bool integer_weights(const OperandPlan& operand) {
  return operand.as.type == DataType::int8 || operand.as.type == DataType::int4;
}

}  // namespace

LayerRecovery::LayerRecovery(const Model& one_op, QuantPlan plan, const Activations& floats,
                             Activations& quantized, const SampleSplit& split,
                             const RecoverOptions& options, bool shared_weights)
    : one_op_(one_op),
      plan_(std::move(plan)),
      floats_(floats),
      quantized_(quantized),
      split_(split),
      options_(options),
      shared_weights_(shared_weights),
      op_(one_op.main().ops().at(0)) {
  const QuantizationRule& rule = op_def(op().type).quantization;
  const OperandPlan* weights = rule.weight >= 0 ? operand(rule.weight) : nullptr;
  const bool constant = weights && one_op_.main().constant_input(op(), weights->index);
  if (!constant || !integer_weights(*weights)) return;
  weights_ = rule.weight;
  geometry_ = geometry_of(one_op_.main(), op());
  const Tensor* bias = rule.bias >= 0
                           ? one_op_.main().constant_input(op(), static_cast<size_t>(rule.bias))
                           : nullptr;
  if (!bias || bias->type != DataType::float32) return;
  bias_ = rule.bias;
  const auto values = bias->data.as<float>();
  real_bias_.assign(values.begin(), values.end());
  const OperandPlan* planned = operand(bias_);
  if (planned && !planned->values.empty()) real_bias_ = planned_bias(*planned);
}

OperandPlan* LayerRecovery::operand(int index) {
  for (OperandPlan& operand : plan_.ops[op_].operands) {
    if (static_cast<int>(operand.index) == index) return &operand;
  }
  return nullptr;
}

const Tensor& LayerRecovery::constant(int index) const {
  return *one_op_.main().constant_input(op(), static_cast<size_t>(index));
}

Tensor LayerRecovery::form_of(TensorId id) const { return form_in(plan_, one_op_.main(), id); }

/// Runs the op as planned; the error of its first result on samples that nothing was fitted to.
double LayerRecovery::measure() {
  run_op(apply(one_op_, plan_), quantized_, options_.threads);
  const TensorId result = op().output();
  return sqnr_db(floats_, one_op_.main().tensor(result), quantized_, form_of(result), result,
                 split_.held_out);
}

/// Makes the changes one by one, each in place of the one before, until one is no better than those
/// before; keeps the best, if it is better than none. The results of what is kept are there
/// afterwards.
RecoveryStep LayerRecovery::attempt(const std::string& name, double before,
                                    const std::vector<std::function<void()>>& changes) {
  const OpPlan plan = plan_.ops.at(op_);
  const std::vector<double> bias = real_bias_;
  OpPlan best_plan = plan;
  std::vector<double> best_bias = bias;
  RecoveryStep step{.name = name, .before_db = before, .after_db = before};
  bool last_is_best = false;
  for (const auto& change : changes) {
    plan_.ops[op_] = plan;
    real_bias_ = bias;
    change();
    const double db = measure();
    last_is_best = db > step.after_db;
    if (!last_is_best && step.kept) break;
    if (!last_is_best) continue;
    best_plan = plan_.ops.at(op_);
    best_bias = real_bias_;
    step.after_db = db;
    step.kept = true;
  }
  plan_.ops[op_] = std::move(best_plan);
  real_bias_ = std::move(best_bias);
  if (!last_is_best) measure();
  return step;
}

std::vector<RecoveryStep> LayerRecovery::run() {
  std::vector<RecoveryStep> steps;
  double db = measure();
  if ((options_.gptq || options_.round) && !shared_weights_ && geometry_ &&
      geometry_->patch_size() <= kMostPatchValues) {
    prepare_problems();
    const char* name = !options_.round ? "gptq" : options_.gptq ? "gptq+round" : "round";
    std::vector<std::function<void()>> changes;
    for (const double damping : kDampings) {
      changes.push_back([this, damping] { round_weights(damping); });
    }
    steps.push_back(attempt(name, db, changes));
    db = steps.back().after_db;
    problems_.clear();
  }
  if (options_.bias && bias_ >= 0) {
    steps.push_back(attempt("bias", db, {[this] { correct_bias(); }}));
  }
  return steps;
}

/// The operand in the form that the op reads it in: a conversion may stand in front.
float LayerRecovery::input_scale() const {
  for (const OperandPlan& operand : plan_.ops.at(op_).operands) {
    if (operand.index == 0) return operand.as.quantization.scale.at(0);
  }
  return plan_.tensors.at(op().input(0)).quantization.scale.at(0);
}

bool LayerRecovery::free_scale() const {
  for (const OperandPlan& operand : plan_.ops.at(op_).operands) {
    if (static_cast<int>(operand.index) != weights_) continue;
    const auto scales = static_cast<int64_t>(operand.as.quantization.scale.size());
    return operand.as.type == DataType::int4 && operand.as.block_size == 0 &&
           scales == geometry_->outputs;
  }
  return false;
}

double LayerRecovery::step_of(const TensorPlan& as, int64_t output, int64_t k) const {
  const std::vector<float>& scale = as.quantization.scale;
  if (as.block_size > 0) {
    return scale[static_cast<size_t>((output * geometry_->patch_size() + k) / as.block_size)];
  }
  return scale[scale.size() == 1 ? 0 : static_cast<size_t>(output)];
}

LayerData LayerRecovery::layer_data() {
  const TensorId input = op().input(0);
  LayerData data{.geometry = *geometry_,
                 .quantized = {&quantized_, input, form_of(input)},
                 .floats = {&floats_, input, one_op_.main().tensor(input)},
                 .weights = constant(weights_).data.as<float>(),
                 .samples = split_.fitted};
  if (bias_ >= 0) data.bias = constant(bias_).data.as<float>();
  const OperandPlan* converted = operand(0);
  if (converted) {  // what the op reads is the result of a conversion
    Model applied = apply(one_op_, plan_);
    Graph& graph = applied.main();
    const TensorId read = graph.op(op_).input(0);
    const Model conversion = cut_out(applied, graph.producer(read));
    run_op(conversion, quantized_, options_.threads);
    data.quantized = {&quantized_, read, graph.tensor(read)};
  }
  return data;
}

void LayerRecovery::prepare_problems() {
  const LayerData data = layer_data();
  problems_ = layer_problems(data, centred(), options_.threads);
  if (!(data.quantized.id == op().input(0))) quantized_.drop(data.quantized.id);
}

void LayerRecovery::round_weights(double damping) {
  const TensorPlan& as = operand(weights_)->as;
  const bool by_group = geometry_->groups > 1;
  const RoundingOptions rounding{.feedback = options_.gptq,
                                 .descent = options_.round,
                                 .free_scale = options_.round && free_scale(),
                                 .damping = damping,
                                 .limit = largest_weight(as.type),
                                 .threads = by_group ? 1 : options_.threads};
  const int64_t outputs = geometry_->group_outputs();
  std::vector<RoundedChannel> channels(static_cast<size_t>(geometry_->outputs));
  parallel_for(geometry_->groups, by_group ? options_.threads : 1, [&](int, int64_t group) {
    const LayerProblem& problem = problems_[static_cast<size_t>(group)];
    if (problem.size == 0) return;
    std::vector<double> steps;
    for (int64_t o = group * outputs; o < (group + 1) * outputs; ++o) {
      for (int64_t k = 0; k < problem.size; ++k) steps.push_back(step_of(as, o, k));
    }
    auto rounded = round_channels(problem, steps, rounding);
    std::move(rounded.begin(), rounded.end(), channels.begin() + group * outputs);
  });
  set_weights(channels);
  if (centred()) compensate_means();
}

/// Channels without integers of their own keep the nearest ones.
void LayerRecovery::set_weights(const std::vector<RoundedChannel>& channels) {
  OperandPlan& weights = *operand(weights_);
  const auto values = constant(weights_).data.as<float>();
  const int limit = largest_weight(weights.as.type);
  std::vector<int8_t> stored(values.size());
  for (int64_t o = 0; o < geometry_->outputs; ++o) {
    const RoundedChannel& channel = channels[static_cast<size_t>(o)];
    for (int64_t k = 0; k < geometry_->patch_size(); ++k) {
      const auto at = static_cast<size_t>(geometry_->weight_index(o, k));
      const double nearest = std::round(values[at] / step_of(weights.as, o, k));
      stored[at] = channel.values.empty()
                       ? static_cast<int8_t>(std::clamp<double>(nearest, -limit, limit))
                       : channel.values[static_cast<size_t>(k)];
    }
  }
  weights.values = Buffer::of(stored);
  if (!free_scale()) return;
  std::vector<float>& scale = weights.as.quantization.scale;
  for (size_t o = 0; o < scale.size(); ++o) {
    scale[o] = static_cast<float>(scale[o] * channels[o].scale);
  }
  OperandPlan* bias = bias_ >= 0 ? operand(bias_) : nullptr;
  if (!bias || bias->as.type == DataType::float32) return;
  for (size_t o = 0; o < scale.size(); ++o) {
    bias->as.quantization.scale[o] = bias_scale(input_scale(), scale[o]);
  }
  set_bias(real_bias_);
}

/// The bias takes what rounding changed in the mean of each channel.
void LayerRecovery::compensate_means() {
  if (!ensure_bias()) return;
  const OperandPlan& weights = *operand(weights_);
  const auto stored = weights.values.as<int8_t>();
  std::vector<double> bias = real_bias_;
  for (int64_t o = 0; o < geometry_->outputs; ++o) {
    const LayerProblem& problem = problems_[static_cast<size_t>(geometry_->group_of(o))];
    if (problem.size == 0) continue;
    double mean = 0;
    for (int64_t k = 0; k < problem.size; ++k) {
      const auto at = static_cast<size_t>(geometry_->weight_index(o, k));
      mean += stored[at] * step_of(weights.as, o, k) * problem.mean_x[static_cast<size_t>(k)];
    }
    bias[static_cast<size_t>(o)] =
        problem.mean_t[static_cast<size_t>(o % geometry_->group_outputs())] - mean;
  }
  set_bias(bias);
}

/// The plan says how the bias is stored; one that stays float is entered with its first new values.
bool LayerRecovery::ensure_bias() {
  if (bias_ < 0) return false;
  if (operand(bias_)) return true;
  plan_.ops[op_].operands.push_back(
      {.index = static_cast<size_t>(bias_), .as = {.name = constant(bias_).name}});
  return true;
}

void LayerRecovery::set_bias(const std::vector<double>& bias) {
  OperandPlan& operand = *this->operand(bias_);
  const Quantization& q = operand.as.quantization;
  real_bias_ = bias;
  if (operand.as.type == DataType::int32) {
    operand.values = stored_bias<int32_t>(bias, q);
  } else if (operand.as.type == DataType::int64) {
    operand.values = stored_bias<int64_t>(bias, q);
  } else {
    operand.values = Buffer::of(std::vector<float>(bias.begin(), bias.end()));
  }
}

/// Newton's steps towards the bias with the least squared error behind the activation: the mean
/// error where the result is not clamped.
void LayerRecovery::correct_bias() {
  if (!ensure_bias()) return;
  const TensorId result = op().output();
  const auto activation = fused_activation(op().attributes).value_or(Activation::none);
  for (int round = 0; round < kBiasRounds; ++round) {
    if (round > 0) run_op(apply(one_op_, plan_), quantized_, options_.threads);
    const std::vector<double> errors = mean_errors(
        {&floats_, result, one_op_.main().tensor(result)}, {&quantized_, result, form_of(result)},
        split_.fitted, activation, options_.threads);
    if (errors.size() != real_bias_.size()) return;
    std::vector<double> bias = real_bias_;
    for (size_t i = 0; i < bias.size(); ++i) bias[i] += errors[i];
    set_bias(bias);
  }
}

}  // namespace smelt
