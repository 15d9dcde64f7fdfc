#include "smelt/train/loss.h"

namespace smelt::train {
namespace {

/// What the logits of the op would be to the loss, values where they do not go together.
LossForm form_behind(const Op& op, LossKind kind) {
  switch (kind) {
    case LossKind::sparse_categorical_crossentropy:
    case LossKind::categorical_crossentropy:
      return op.type == OpType::softmax && op.as<SoftmaxAttributes>().beta == 1.0f
                 ? LossForm::softmax_logits
                 : LossForm::values;
    case LossKind::binary_crossentropy:
      return op.type == OpType::logistic ? LossForm::sigmoid_logits : LossForm::values;
    default:
      return LossForm::values;
  }
}

LossForm form_of_logits(LossKind kind) {
  return kind == LossKind::binary_crossentropy ? LossForm::sigmoid_logits
                                               : LossForm::softmax_logits;
}

}  // namespace

LossSource loss_source(const Module& module, const Graph& graph, size_t output,
                       const LossSettings& settings) {
  Value* value = module.outputs().at(output);
  if (!is_crossentropy(settings.kind)) return {value, LossForm::values};
  if (settings.from_logits) return {value, form_of_logits(settings.kind)};
  Value* logits = module.logits(output);
  const OpId producer = graph.producer(value->tensor);
  if (logits == value || !producer) return {value, LossForm::values};
  const LossForm form = form_behind(graph.op(producer), settings.kind);
  return form == LossForm::values ? LossSource{value, form} : LossSource{logits, form};
}

}  // namespace smelt::train
