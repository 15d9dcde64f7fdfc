#pragma once

#include <vector>

#include "smelt/quantize/calibration_report.h"

namespace smelt {

// The single checks of report_calibration; each adds what it finds.

/// Inputs that are constant, random, outside the declared range or hardly fill it, or unlike those
/// of the evaluation data.
void check_inputs_seen(const Graph& graph, const Stats& stats, const CalibrationContext& context,
                       std::vector<CalibrationWarning>& warnings);

/// The first normalized result whose size is not what it was in training: inputs scaled otherwise.
void check_trained_scale(const Stats& stats, const CalibrationContext& context,
                         std::vector<CalibrationWarning>& warnings);

/// Channels that are always 0, and channels whose range is far larger than that of the others.
void check_channels(const Graph& graph, const Stats& stats,
                    std::vector<CalibrationWarning>& warnings);

}  // namespace smelt
