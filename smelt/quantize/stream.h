#pragma once

#include "smelt/run/run_samples.h"

namespace smelt {

/// True where samples are steps of one stream: an op reads one of them at a time and remembers
/// those before (SVDF). What it computes after a reset, with its memory empty, is not what it will
/// compute, so that its calibration must not start anew with each sample.
bool reads_stream(const Graph& graph);

/// Runs samples 0..count-1 in their order on one interpreter, without a reset in between. Hook and
/// progress are those of the options, as in run_samples; the program's batch is 1.
void run_stream(std::shared_ptr<const Program> program, int64_t count,
                const SampleRunOptions& options, const LoadSample& load);

}  // namespace smelt
