#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "smelt/base/progress.h"
#include "smelt/run/program.h"

namespace smelt {

struct BenchmarkOptions {
  int threads = 1;  ///< 0: all
  int batch = 1;    ///< samples for each invocation
  double seconds = 2;
  Numerics numerics = Numerics::reference;
  Progress progress;
};

struct BenchmarkOp {
  std::string name;
  std::string type;
  double ms = 0;     ///< mean time in one invocation
  double share = 0;  ///< of the whole
  int64_t macs = 0;  ///< of one invocation
  double gflops = 0;
  int64_t bytes = 0;  ///< read and written: operands, constants and results
};

struct BenchmarkResult {
  struct Latency {
    double p50 = 0, p90 = 0, p99 = 0;
  };
  double samples_per_second = 0;  ///< over all threads
  Latency latency_ms;             ///< of one invocation
  int threads = 1;
  int batch = 1;
  int64_t runs = 0;
  int64_t macs = 0;                    ///< of one sample
  std::optional<int64_t> arena_bytes;  ///< TFLite Micro on a microcontroller
  int64_t file_bytes = 0;              ///< of the file that the model came from
  int64_t runtime_bytes = 0;           ///< one interpreter's tensors here
  std::vector<BenchmarkOp> ops;        ///< in execution order
};

/// Runs the models on random inputs, each for a while in all, after a warm-up. They take turns, so
/// that what else the machine does falls on all alike. Every thread has an interpreter of its own.
/// Op times come from a separate pass on one thread. bad_argument where a model cannot run a batch.
std::vector<BenchmarkResult> benchmark(std::span<const Model> models, const BenchmarkOptions& = {});

}  // namespace smelt
