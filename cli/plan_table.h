#pragma once

#include <string>

#include "smelt/quantize/plan.h"

namespace smelt::cli {

/// A line per op of the plan for this float model: what it becomes, how its weights and its result
/// are stored, what conversions in front of it cost, and why; then a line of sums.
std::string plan_table(const QuantPlan& plan, const Model& model);

}  // namespace smelt::cli
