#pragma once

#include "smelt/quantize/plan.h"

namespace smelt {

/// The quantized model: the float model with its main graph changed as the plan says. Inputs and
/// outputs keep their tensors, names and places in signatures; conversions that the plan asks for
/// are QUANTIZE and DEQUANTIZE ops. Constants are written here and nowhere else. The same model and
/// plan give the same result. bad_argument where the plan was made for another model.
Model apply(const Model& model, const QuantPlan& plan);

}  // namespace smelt
