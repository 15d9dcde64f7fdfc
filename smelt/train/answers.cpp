#include "smelt/train/answers.h"

namespace smelt::train {
namespace {

bool wants_class_numbers(const Loss& loss) {
  return loss.settings().kind == LossKind::sparse_categorical_crossentropy;
}

bool is_regression(LossKind kind) {
  return kind == LossKind::mse || kind == LossKind::mae || kind == LossKind::huber;
}

}  // namespace

LossKind usual_loss(const Dataset& dataset, const Value& output) {
  if (!dataset.has_labels()) return LossKind::mse;
  return output.size == 1 ? LossKind::binary_crossentropy
                          : LossKind::sparse_categorical_crossentropy;
}

void check_answers(const Dataset& dataset, const Loss& loss) {
  const int64_t classes = loss.classes();
  if (dataset.has_labels()) {
    if (loss.positions() != 1) {
      fail(ErrorKind::bad_argument,
           "the data has a label for each sample, the model {} outputs; train it on targets",
           loss.positions());
    }
    const int64_t limit = classes == 1 ? 2 : classes;
    if (dataset.class_count() > limit) {
      fail(ErrorKind::bad_argument,
           "{}: the data has {} classes, the model {}; give a model with --classes {}",
           dataset.description(), dataset.class_count(), limit, dataset.class_count());
    }
    return;
  }
  const bool itself = !dataset.has_targets();
  if (itself && !is_regression(loss.settings().kind)) {
    fail(ErrorKind::bad_argument,
         "{} has neither labels nor targets, which {} needs; a folder of images per class or a "
         "key y in an .npz file has them",
         dataset.description(), name(loss.settings().kind));
  }
  const Shape shape = itself ? dataset.input_shape(0) : dataset.target_shape();
  if (shape.elements() != loss.target_size()) {
    fail(ErrorKind::bad_argument, "{}: {} of shape {} do not fit the model's output of {} values",
         dataset.description(), itself ? "inputs as targets" : "targets", to_string(shape),
         loss.target_size());
  }
}

std::span<const float> answers(const Batch& batch, const Loss& loss, std::vector<float>& scratch) {
  if (batch.labels.empty()) return batch.targets.empty() ? batch.inputs[0] : batch.targets;
  const auto classes = static_cast<size_t>(loss.classes());
  if (wants_class_numbers(loss) || classes == 1) {
    scratch.assign(batch.labels.begin(), batch.labels.end());
    return scratch;
  }
  scratch.assign(batch.labels.size() * classes, 0);
  for (size_t i = 0; i < batch.labels.size(); ++i) {
    scratch[i * classes + static_cast<size_t>(batch.labels[i])] = 1;
  }
  return scratch;
}

}  // namespace smelt::train
