#include "smelt/train/qat.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "smelt/kernels/fixed_point.h"

namespace smelt::train {
namespace {

bool has_fixed_scale(const Graph& graph, TensorId id) {
  const OpId producer = graph.producer(id);
  if (!producer) return false;
  switch (graph.op(producer).type) {
    case OpType::softmax:
    case OpType::log_softmax:
    case OpType::logistic:
    case OpType::tanh:
    case OpType::l2_normalization:
      return true;
    default:
      return false;
  }
}

FakeQuant fake_quant(const TensorPlan& plan) {
  const bool wide = plan.type == DataType::int16;
  return {.scale = plan.quantization.scale.at(0),
          .zero_point = static_cast<int32_t>(plan.quantization.zero_point.at(0)),
          .low = wide ? -32767 : -128,
          .high = wide ? 32767 : 127,
          .symmetric = wide};
}

/// Where the integer LSTM op of the inference form keeps its cell state.
constexpr size_t kCellState = 19;

}  // namespace

QuantizationAware::QuantizationAware(const Model& model, DatasetPtr data, QuantizeOptions options)
    : data_(std::move(data)), options_(std::move(options)) {
  // Weights of cells that see nothing but padding take part in the scales of training.
  options_.pipeline.skip.push_back("trim_filters");
  const Prepared prepared = prepare(model);
  add_domains(model.main(), prepared);
  add_weights(model.main(), prepared);
  add_recurrent(model.main(), prepared);
  for (const auto& domain : domains_) {
    map_.quants.push_back(&domain->quant);
    if (domain->range != nullptr) map_.ranges.push_back(domain->range.get());
  }
}

QuantizationAware::Prepared QuantizationAware::prepare(const Model& model) const {
  Prepared prepared{.inference = model};
  prepare_for_quantization(prepared.inference, options_.recipe, options_.pipeline);
  prepared.stats = calibrate(prepared.inference, data_, options_.calibrate);
  prepared.plan = make_plan(prepared.inference, prepared.stats, options_.recipe);
  return prepared;
}

/// Tensors of equal scale are tied, or do no harm if they stay together.
void QuantizationAware::add_domains(const Graph& trained, const Prepared& prepared) {
  const Graph& inference = prepared.inference.main();
  std::map<std::tuple<DataType, float, int64_t>, Domain*> known;
  for (const auto& [id, plan] : prepared.plan.tensors) {
    if (plan.quantization.scale.size() != 1 || inference.tensor(id).is_variable ||
        (plan.type != DataType::int8 && plan.type != DataType::int16)) {
      continue;
    }
    Domain*& domain =
        known[{plan.type, plan.quantization.scale[0], plan.quantization.zero_point[0]}];
    if (domain == nullptr) {
      domains_.push_back(std::make_unique<Domain>(Domain{.quant = fake_quant(plan)}));
      domain = domains_.back().get();
      if (!has_fixed_scale(inference, id)) {
        domain->range = std::make_unique<Parameter>(
            Parameter{.name = "range/" + plan.name,
                      .kind = ParameterKind::range,
                      .shape = {2},
                      .data = {domain->quant.real_low(), domain->quant.real_high()},
                      .grad = {0, 0}});
        domain->quant.range = domain->range.get();
      }
    }
    domain->tensors.push_back(id);
    const bool in_both = trained.contains(id) && !trained.tensor(id).is_constant &&
                         trained.tensor(id).type == DataType::float32;
    if (in_both) map_.tensors[id] = &domain->quant;
  }
}

void QuantizationAware::add_weights(const Graph& trained, const Prepared& prepared) {
  for (const auto& [id, plan] : prepared.plan.ops) {
    if (!trained.contains(id)) continue;
    for (const OperandPlan& operand : plan.operands) {
      if (operand.index != 1 || operand.as.block_size != 0) continue;
      const bool narrow = operand.as.type == DataType::int4;
      if (!narrow && operand.as.type != DataType::int8) continue;
      map_.weights[id] = {.largest = narrow ? 7 : 127,
                          .per_channel = operand.as.quantization.scale.size() > 1};
    }
  }
}

/// Recurrent layers lose their op on the way; the ops that stand for one have its origin, in order.
void QuantizationAware::add_recurrent(const Graph& trained, const Prepared& prepared) {
  const Graph& inference = prepared.inference.main();
  std::map<std::string, std::vector<OpId>> fused;
  for (const OpId id : inference.ops()) {
    const Op& op = inference.op(id);
    if (op.type == OpType::unidirectional_sequence_lstm) fused[op.origin].push_back(id);
  }
  std::map<std::string, size_t> used;
  for (const OpId id : trained.ops()) {
    const Op& op = trained.op(id);
    if (op.type != OpType::recurrent) continue;
    const auto y = map_.tensors.find(op.output());
    if (y == map_.tensors.end()) continue;  // it stays float
    RecurrentQuant quant{.weights = true, .hidden = y->second};
    const std::vector<OpId>& ops = fused[op.origin];
    const size_t index = used[op.origin]++;
    if (index < ops.size()) {
      quant.rows_per_scale = trained.tensor(op.input(2)).shape[1];
      const auto cell = prepared.plan.tensors.find(inference.op(ops[index]).input(kCellState));
      if (cell != prepared.plan.tensors.end()) {
        domains_.push_back(std::make_unique<Domain>(Domain{.quant = fake_quant(cell->second)}));
        quant.cell = &domains_.back()->quant;
      }
    }
    map_.recurrent[id] = quant;
  }
}

void QuantizationAware::recalibrate(const Model& model) {
  const QuantPlan plan = prepare(model).plan;
  for (const auto& domain : domains_) {
    if (domain->range == nullptr) continue;
    const auto found = plan.tensors.find(domain->tensors.front());
    if (found == plan.tensors.end()) continue;
    const FakeQuant quant = fake_quant(found->second);
    domain->range->data = {quant.real_low(), quant.real_high()};
  }
}

Model QuantizationAware::quantized(const Model& trained) const {
  Prepared prepared = prepare(trained);
  // From here on ranges are what this function says, not what calibration would make of them.
  const auto set_range = [&](TensorId id, const FakeQuant& quant) {
    TensorStats& stats = prepared.stats.tensors[id];
    stats.min = quant.real_low();
    stats.max = quant.real_high();
  };
  for (const auto& [id, plan] : prepared.plan.tensors) {
    if (plan.quantization.scale.size() == 1 && !prepared.inference.main().tensor(id).is_variable) {
      set_range(id, fake_quant(plan));
    }
  }
  for (const auto& domain : domains_) {
    for (const TensorId id : domain->tensors) {
      if (prepared.plan.tensors.contains(id)) set_range(id, domain->quant);
    }
  }
  QuantizeOptions options = options_;
  options.recipe.base.ranges = RangeMethod::minmax;
  return requantize(std::move(prepared.inference), std::move(prepared.stats), data_, options).model;
}

}  // namespace smelt::train
