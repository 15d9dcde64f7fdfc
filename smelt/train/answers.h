#pragma once

#include <vector>

#include "smelt/train/batches.h"
#include "smelt/train/loss.h"

namespace smelt::train {

/// The loss that fits data and model where none is asked for: for labels sparse categorical
/// crossentropy, or binary where the output has one unit; for targets, or neither (auto-encoders,
/// whose input is the target), mse.
LossKind usual_loss(const Dataset& dataset, const Value& output);

/// bad_argument, with the cure, where a data set has nothing that this loss can be compared with:
/// labels beyond the classes, targets of another size, no labels or targets at all.
void check_answers(const Dataset& dataset, const Loss& loss);

/// What the loss compares a batch with: class numbers, one-hot rows, targets, or the first input.
/// The result lives in `scratch` or in the batch.
std::span<const float> answers(const Batch& batch, const Loss& loss, std::vector<float>& scratch);

}  // namespace smelt::train
