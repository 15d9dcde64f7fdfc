#include "smelt/train/module_builder.h"

#include <algorithm>
#include <array>
#include <set>

#include "smelt/ir/dump.h"
#include "smelt/passes/passes.h"
#include "smelt/passes/pipeline.h"
#include "smelt/run/memory_plan.h"
#include "smelt/train/blocks/factory.h"
#include "smelt/train/module_state.h"
#include "smelt/train/parameter_roles.h"
#include "smelt/train/rounding_layer.h"

namespace smelt::train {
namespace {

constexpr std::array kPreparation = {
    Pass{"infer_shapes", infer_shapes, "layers ask for shapes"},
    Pass{"fold_constants", fold_constants, "shapes that are computed become constants"},
};

/// A layer that is to be made once all that is read and written is known.
struct PendingLayer {
  std::string name;
  OpId op;
  std::optional<BlockMatch> block;
  const FakeQuant* rounding = nullptr;  ///< a layer that rounds, without an op
  std::vector<Operand> operands;
  std::vector<Statistic*> statistics;
  std::vector<Value*> outputs;
  bool leave_pending = false;  ///< of a block: see Value::pending
};

class Builder {
 public:
  Builder(const Model& model, Module::State& state) : state_(state), options_(state.options) {
    state_.model = model;
    run_pipeline(state_.model, kPreparation);
  }
  void build();

 private:
  const Graph& graph() const { return state_.model.main(); }
  const FakeQuant* quant(TensorId tensor) const;
  bool is_point(TensorId tensor) const;

  Value* add_value(TensorId tensor, std::string name, bool needs_grad);
  Value* add_result(TensorId tensor, bool needs_grad, bool rounds_itself);
  Parameter* parameter(const Op& op, size_t index);
  Statistic* statistic(const Op& op, size_t index);
  Operand operand(const Op& op, size_t index);

  void find_blocks();
  void find_pending();
  void add_op(OpId id);
  void add_block(const BlockMatch& match);
  void add_plain(OpId id);
  void find_logits();
  void mark_gradients();
  void allocate();
  bool owns_kernel(const PendingLayer& p) const;
  std::unique_ptr<Layer> make(const PendingLayer& pending) const;
  /// What a normalization asks whether it goes by its running statistics: always where its layer is
  /// frozen, as in Keras.
  const bool* norms_frozen(const Operand& gamma, const Operand& beta) const;
  std::unique_ptr<Layer> make_from_block(const PendingLayer& pending) const;

  Module::State& state_;
  const ModuleOptions& options_;
  std::vector<PendingLayer> pending_;
  std::map<OpId, BlockMatch> blocks_;  ///< by their linear op
  std::set<OpId> absorbed_;            ///< into blocks
};

const FakeQuant* Builder::quant(TensorId tensor) const {
  if (options_.quantization == nullptr) return nullptr;
  const auto found = options_.quantization->tensors.find(tensor);
  return found != options_.quantization->tensors.end() ? found->second : nullptr;
}

bool Builder::is_point(TensorId tensor) const {
  const auto& features = options_.features;
  return graph().is_output(tensor) || quant(tensor) != nullptr ||
         std::find(features.begin(), features.end(), tensor) != features.end();
}

Value* Builder::add_value(TensorId tensor, std::string name, bool needs_grad) {
  const Shape& shape = graph().tensor(tensor).shape;
  state_.values.push_back(std::make_unique<Value>(Value{.name = std::move(name),
                                                        .tensor = tensor,
                                                        .shape = shape,
                                                        .size = shape.elements(),
                                                        .needs_grad = needs_grad}));
  return state_.values.back().get();
}

/// The value that the producer of `tensor` writes. Where that is to be rounded, readers see
/// another one, behind a layer that rounds.
Value* Builder::add_result(TensorId tensor, bool needs_grad, bool rounds_itself) {
  Value* value = add_value(tensor, graph().tensor(tensor).name, needs_grad);
  state_.value_of[tensor] = value;
  return quant(tensor) == nullptr || rounds_itself ? value : nullptr;
}

Parameter* Builder::parameter(const Op& op, size_t index) {
  const TensorId id = op.input(index);
  const auto found = state_.parameter_of.find(id);
  if (found != state_.parameter_of.end()) return found->second;
  const Tensor& tensor = graph().tensor(id);
  const auto values = tensor.data.as<float>();
  const std::optional<ParameterKind> role = parameter_role(graph(), op, index);
  state_.parameters.push_back(std::make_unique<Parameter>(
      Parameter{.name = tensor.name,
                .layer = tensor.origin.empty() ? op.origin : tensor.origin,
                .tensor = id,
                .kind = role.value_or(ParameterKind::kernel),
                .shape = tensor.shape,
                .data = {values.begin(), values.end()}}));
  Parameter* parameter = state_.parameters.back().get();
  parameter->trainable = role && !(options_.frozen && options_.frozen(*parameter));
  if (parameter->trainable) parameter->grad.resize(parameter->data.size());
  state_.parameter_of[id] = parameter;
  return parameter;
}

Statistic* Builder::statistic(const Op& op, size_t index) {
  Statistic*& known = state_.statistic_of[op.input(index)];
  if (known != nullptr) return known;
  const Tensor& tensor = graph().tensor(op.input(index));
  const auto values = tensor.data.as<float>();
  state_.statistics.push_back(std::make_unique<Statistic>(Statistic{
      .name = tensor.name, .tensor = op.input(index), .data = {values.begin(), values.end()}}));
  return known = state_.statistics.back().get();
}

Operand Builder::operand(const Op& op, size_t index) {
  const TensorId id = op.input(index);
  if (!id || is_statistic(op, index)) return {};
  const Tensor& tensor = graph().tensor(id);
  if (tensor.is_constant) {
    if (tensor.type != DataType::float32 || tensor.sparsity != nullptr) return {};
    return {.parameter = parameter(op, index), .accumulate = true};
  }
  if (tensor.is_variable) return {};  // a state of zeros when a sample begins
  const auto found = state_.value_of.find(id);
  if (found == state_.value_of.end()) {
    fail(ErrorKind::unsupported, "it reads {}, which keeps its value between samples",
         describe(graph(), id));
  }
  return {.value = found->second};
}

void Builder::add_block(const BlockMatch& match) {
  const Op& op = graph().op(match.linear);
  PendingLayer layer{.name = describe(graph(), match.linear), .op = match.linear, .block = match};
  layer.operands.push_back(operand(match.pad ? graph().op(match.pad) : op, 0));
  for (size_t i = 1; i < 3; ++i) layer.operands.push_back(operand(op, i));
  layer.statistics.resize(2);
  if (match.norm) {
    const Op& norm = graph().op(match.norm);
    for (size_t i = 1; i < 3; ++i) layer.operands.push_back(operand(norm, i));
    for (size_t i = 0; i < 2; ++i) layer.statistics[i] = statistic(norm, i + 3);
  }
  layer.operands.resize(5);
  const bool needs_grad = std::any_of(layer.operands.begin(), layer.operands.end(),
                                      [](const Operand& o) { return o && o.needs_grad(); });
  layer.outputs = {add_result(match.output, needs_grad, true)};
  pending_.push_back(std::move(layer));
}

void Builder::add_plain(OpId id) {
  const Op& op = graph().op(id);
  PendingLayer layer{.name = describe(graph(), id), .op = id};
  bool needs_grad = false;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    layer.operands.push_back(operand(op, i));
    layer.statistics.push_back(op.input(i) && is_statistic(op, i) ? statistic(op, i) : nullptr);
    needs_grad = needs_grad || (layer.operands.back() && layer.operands.back().needs_grad());
  }
  std::vector<PendingLayer> roundings;
  for (const TensorId output : op.outputs) {
    if (!output) {
      layer.outputs.push_back(nullptr);
      continue;
    }
    const bool real = graph().tensor(output).type == DataType::float32;
    Value* value = add_result(output, needs_grad && real, false);
    if (value == nullptr) {
      Value* rounded = state_.value_of[output];
      value = add_value(output, rounded->name + " before rounding", needs_grad);
      roundings.push_back({.name = layer.name,
                           .rounding = quant(output),
                           .operands = {Operand{.value = value}},
                           .outputs = {rounded}});
    }
    layer.outputs.push_back(value);
  }
  pending_.push_back(std::move(layer));
  for (PendingLayer& rounding : roundings) pending_.push_back(std::move(rounding));
}

/// Blocks, before any op is added: their paddings stand in front of them.
void Builder::find_blocks() {
  for (const OpId id : graph().ops()) {
    const auto match = match_block(graph(), id, [&](TensorId t) { return is_point(t); });
    if (!match) continue;
    blocks_.emplace(id, *match);
    for (const OpId part : {match->pad, match->norm, match->activation}) {
      if (part) absorbed_.insert(part);
    }
  }
}

void Builder::add_op(OpId id) {
  if (absorbed_.contains(id)) return;
  const auto block = blocks_.find(id);
  if (block != blocks_.end()) {
    add_block(block->second);
  } else {
    add_plain(id);
  }
}

/// Which blocks leave what stands behind their products to those who read the result.
void Builder::find_pending() {
  std::set<const Value*> visible;  // to others than blocks
  for (const Seed& seed : state_.seeds) visible.insert(seed.value);
  for (const Value* output : state_.outputs) visible.insert(output);
  for (const Value* logits : state_.logits) visible.insert(logits);
  for (const PendingLayer& layer : pending_) {
    for (size_t i = 0; i < layer.operands.size(); ++i) {
      const bool reads =
          layer.block && i == 0 && reads_pending(graph(), *layer.block, options_.max_samples);
      if (!reads) visible.insert(layer.operands[i].value);
    }
  }
  for (PendingLayer& layer : pending_) {
    layer.leave_pending = layer.block && !visible.contains(layer.outputs[0]) &&
                          can_leave_pending(*layer.block, quant(layer.block->output) != nullptr);
  }
}

/// The value in front of a softmax or logistic op that computes an output and nothing else.
void Builder::find_logits() {
  for (const TensorId id : graph().outputs()) {
    const auto found = state_.value_of.find(id);
    if (found == state_.value_of.end()) {
      fail(ErrorKind::unsupported, "output {} is not computed", describe(graph(), id));
    }
    state_.outputs.push_back(found->second);
    const OpId producer = graph().producer(id);
    Value* logits = found->second;
    if (producer) {
      const Op& op = graph().op(producer);
      const bool ends = op.type == OpType::softmax || op.type == OpType::logistic;
      const auto before = state_.value_of.find(op.input(0));
      if (ends && before != state_.value_of.end()) logits = before->second;
    }
    state_.logits.push_back(logits);
  }
}

/// Who writes a gradient first, in backward order, and who adds to it.
void Builder::mark_gradients() {
  std::set<const Value*> written;
  for (size_t i = pending_.size(); i-- > 0;) {
    for (Operand& operand : pending_[i].operands) {
      if (operand.value == nullptr || !operand.value->needs_grad) continue;
      operand.accumulate = !written.insert(operand.value).second;
      if (!operand.accumulate) state_.layers[i].first_written.push_back(operand.value);
    }
  }
  std::set<Value*> seeds(state_.outputs.begin(), state_.outputs.end());
  seeds.insert(state_.logits.begin(), state_.logits.end());
  for (const TensorId id : options_.features) {
    const auto found = state_.value_of.find(id);
    if (found == state_.value_of.end()) {
      fail(ErrorKind::bad_argument, "{} is not a value of the model", describe(graph(), id));
    }
    seeds.insert(found->second);
  }
  for (Value* value : seeds) {
    if (!value->needs_grad) continue;
    state_.seeds.push_back(
        {value, std::vector<float>(static_cast<size_t>(options_.max_samples * value->size))});
  }
}

/// Values live as long as the module; a gradient from the layer that writes it first to the one
/// that reads it, those of seeds from the start.
void Builder::allocate() {
  const auto bytes = [&](const Value& v) {
    return round_up(options_.max_samples * v.size * int64_t{sizeof(float)}, 64);
  };
  const int steps = static_cast<int>(pending_.size());
  std::map<const Value*, int> written, read;
  for (int step = 0; step < steps; ++step) {
    const auto i = static_cast<size_t>(steps - 1 - step);
    for (Value* value : state_.layers[i].first_written) written[value] = step;
    for (Value* value : state_.layers[i].outputs) read[value] = step;
  }
  for (const Seed& seed : state_.seeds) written[seed.value] = 0;
  std::vector<MemoryRequest> requests;
  std::vector<Value*> owners;
  for (const auto& value : state_.values) {
    state_.memory.emplace_back(bytes(*value) / int64_t{sizeof(float)});
    value->data = state_.memory.back().data();
    if (!value->needs_grad) continue;
    const int last = read.contains(value.get()) ? read[value.get()] : steps;
    const int first = written.contains(value.get()) ? written[value.get()] : last;
    requests.push_back({.bytes = bytes(*value), .first = first, .last = last});
    owners.push_back(value.get());
  }
  int64_t total = 0;
  const std::vector<int64_t> offsets = plan_greedily(requests, 64, total);
  state_.gradients = AlignedArray<float>(total / int64_t{sizeof(float)});
  for (size_t i = 0; i < owners.size(); ++i) {
    owners[i]->grad = state_.gradients.data() + offsets[i] / int64_t{sizeof(float)};
  }
}

bool Builder::owns_kernel(const PendingLayer& p) const {
  return p.block && graph().consumers(p.operands[1].parameter->tensor).size() == 1;
}

const bool* Builder::norms_frozen(const Operand& gamma, const Operand& beta) const {
  static constexpr bool kAlways = true;
  const auto trains = [](const Operand& operand) {
    return operand.parameter != nullptr && operand.parameter->trainable;
  };
  const bool has_any = gamma.parameter != nullptr || beta.parameter != nullptr;
  return has_any && !trains(gamma) && !trains(beta) ? &kAlways : &state_.norms_frozen;
}

std::unique_ptr<Layer> Builder::make_from_block(const PendingLayer& p) const {
  const WeightQuant* weight_quant = nullptr;
  if (options_.quantization != nullptr) {
    const auto found = options_.quantization->weights.find(p.op);
    if (found != options_.quantization->weights.end()) weight_quant = &found->second;
  }
  return make_block({.graph = graph(),
                     .match = *p.block,
                     .name = p.name,
                     .x = p.operands[0],
                     .kernel = p.operands[1].parameter,
                     .shared_kernel = !owns_kernel(p),
                     .bias = p.operands[2].parameter,
                     .gamma = p.operands[3].parameter,
                     .beta = p.operands[4].parameter,
                     .mean = p.statistics[0],
                     .variance = p.statistics[1],
                     .y = p.outputs[0],
                     .leave_pending = p.leave_pending,
                     .quant = quant(p.block->output),
                     .weight_quant = weight_quant,
                     .norms_frozen = norms_frozen(p.operands[3], p.operands[4]),
                     .max_samples = options_.max_samples,
                     .threads = options_.threads});
}

std::unique_ptr<Layer> Builder::make(const PendingLayer& p) const {
  if (p.rounding != nullptr) {
    return make_rounding_layer(p.name, *p.rounding, p.operands[0], p.outputs[0]);
  }
  if (p.block) return make_from_block(p);
  const Op& op = graph().op(p.op);
  const LayerFactory factory = layer_factory(op.type);
  if (factory == nullptr) {
    fail(ErrorKind::unsupported, "{} cannot be trained; freeze nothing behind it or remove it",
         name(op.type));
  }
  const bool is_norm = op.type == OpType::batch_normalization;
  std::unique_ptr<Layer> layer =
      factory({.graph = graph(),
               .op = op,
               .name = p.name,
               .inputs = p.operands,
               .statistics = p.statistics,
               .outputs = p.outputs,
               .norms_frozen = is_norm ? norms_frozen(p.operands[1], p.operands[2]) : nullptr,
               .max_samples = options_.max_samples,
               .threads = options_.threads});
  if (options_.quantization != nullptr) {
    const auto found = options_.quantization->recurrent.find(p.op);
    if (found != options_.quantization->recurrent.end()) set_recurrent_quant(*layer, found->second);
  }
  return layer;
}

void Builder::build() {
  for (const TensorId id : graph().inputs()) {
    Value* value = add_result(id, false, false);
    if (value == nullptr) {
      Value* rounded = state_.value_of[id];
      value = add_value(id, rounded->name + " before rounding", false);
      pending_.push_back({.name = "input " + rounded->name,
                          .rounding = quant(id),
                          .operands = {Operand{.value = value}},
                          .outputs = {rounded}});
    }
    state_.inputs.push_back(value);
  }
  find_blocks();
  for (const OpId id : graph().ops()) {
    with_context([&] { return describe(graph(), id); }, [&] { add_op(id); });
  }
  find_logits();
  state_.layers.resize(pending_.size());
  for (size_t i = 0; i < pending_.size(); ++i) {
    for (Value* value : pending_[i].outputs) {
      if (value != nullptr) state_.layers[i].outputs.push_back(value);
    }
  }
  mark_gradients();
  find_pending();
  allocate();
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (owns_kernel(pending_[i])) state_.layers[i].kernel = pending_[i].operands[1].parameter;
    with_context([&] { return pending_[i].name; },
                 [&] { state_.layers[i].layer = make(pending_[i]); });
  }
  std::set<const Parameter*> owned;
  for (const LayerSlot& slot : state_.layers) owned.insert(slot.kernel);
  for (const auto& p : state_.parameters) {
    if (!owned.contains(p.get())) state_.added_to.push_back(p.get());
  }
}

}  // namespace

void build_module(const Model& model, Module::State& state) { Builder(model, state).build(); }

}  // namespace smelt::train
