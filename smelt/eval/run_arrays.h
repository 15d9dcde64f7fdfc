#pragma once

#include <filesystem>

#include "smelt/base/progress.h"
#include "smelt/run/program.h"

namespace smelt {

struct RunArraysOptions {
  int threads = 0;  ///< 0: all
  Numerics numerics = Numerics::reference;
  Progress progress;
};

struct RunArraysResult {
  int64_t samples = 0;
  double samples_per_second = 0;
};

/// Runs the model on every sample of an .npz and writes another: keys in0, in1, ... of shape
/// [samples, ...the model's own input shape] (or without its batch axis of 1), in the inputs' own
/// types; axes that the file leaves open take the arrays' sizes. Writes keys out0, out1, ... of
/// [samples, ...output shape]. State is reset between samples. Nothing is preprocessed. unsupported
/// where a model gives outputs of different shapes for different samples. bad_argument, naming key,
/// type and shape, where arrays do not fit.
RunArraysResult run_arrays(const Model& model, const std::filesystem::path& inputs,
                           const std::filesystem::path& outputs, const RunArraysOptions& = {});

}  // namespace smelt
