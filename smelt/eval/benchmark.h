#pragma once

#include <optional>
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
  int64_t runtime_bytes = 0;           ///< one interpreter's tensors here
  std::vector<BenchmarkOp> ops;        ///< in execution order
};

/// Runs the model on random inputs for a while, after a warm-up. Every thread has an interpreter of
/// its own. Op times come from a separate pass on one thread.
BenchmarkResult benchmark(const Model& model, const BenchmarkOptions& = {});

}  // namespace smelt
