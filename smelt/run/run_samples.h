#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "smelt/base/progress.h"
#include "smelt/run/interpreter.h"

namespace smelt {

/// The part of an interpreter's inputs that belongs to one sample. Which lane of a batch that is
/// does not show: each input has the shape of the model (batch axis 1).
class SampleInputs {
 public:
  SampleInputs(Interpreter& interpreter, int lane) : interpreter_(interpreter), lane_(lane) {}

  size_t count() const;
  std::span<uint8_t> bytes(size_t index) const;

  /// bad_argument where T is not the input's type.
  template <class T>
  std::span<T> values(size_t index) const {
    return slice(interpreter_.input<T>(index));
  }

 private:
  template <class T>
  std::span<T> slice(std::span<T> all) const {
    const size_t size = all.size() / static_cast<size_t>(interpreter_.program().options().batch);
    return all.subspan(static_cast<size_t>(lane_) * size, size);
  }

  Interpreter& interpreter_;
  int lane_;
};

/// The part of an interpreter's outputs that belongs to one sample.
class SampleOutputs {
 public:
  SampleOutputs(const Interpreter& interpreter, int lane)
      : interpreter_(interpreter), lane_(lane) {}

  size_t count() const;
  std::span<const uint8_t> bytes(size_t index) const;
  /// The shape of a sample's output; a batch of one sample.
  Shape shape(size_t index) const;

  template <class T>
  std::span<const T> values(size_t index) const {
    return slice(interpreter_.output<T>(index));
  }

 private:
  template <class T>
  std::span<const T> slice(std::span<const T> all) const {
    const size_t size = all.size() / static_cast<size_t>(interpreter_.program().options().batch);
    return all.subspan(static_cast<size_t>(lane_) * size, size);
  }

  const Interpreter& interpreter_;
  int lane_;
};

/// What an observer of intermediate tensors sees after each op (and before the first, step -1).
struct SampleHookArgs {
  const Interpreter& interpreter;
  int step;              ///< index into program().steps(), -1: the graph's inputs are readable
  int worker;            ///< in [0, threads): observers keep one set of statistics per worker
  int64_t first_sample;  ///< of this invocation
  int samples;           ///< how many are real; lanes behind them hold leftovers

  /// Bytes of a tensor without the lanes that hold no sample; sample s of it is the slice
  /// [s * size / samples, (s + 1) * size / samples). Constants are returned whole.
  std::span<const uint8_t> bytes(TensorId id) const;
};

struct SampleRunOptions {
  int threads = 0;  ///< 0: as many as the machine has
  int batch = 0;    ///< samples per invocation; 0: chosen, 1 where the model is not batchable
  KernelChoice kernels = KernelChoice::fastest;
  Numerics numerics = Numerics::reference;
  Progress progress = {};
  std::string_view stage = "running";  ///< name of the work in progress reports
  std::function<void(const SampleHookArgs&)> hook = {};
};

using LoadSample = std::function<void(int64_t sample, const SampleInputs&)>;
using StoreSample = std::function<void(int64_t sample, const SampleOutputs&)>;

/// Runs samples 0..count-1 in parallel: every worker owns an interpreter of one shared program and
/// takes batches in turn. `load` fills the inputs of a sample, `store` reads its outputs; both are
/// called from worker threads, for different samples at the same time. All state is reset before
/// each sample. Results do not depend on the number of threads. The first error of any worker, or
/// of load or store, is rethrown; it names the sample.
void run_samples(const Model& model, int64_t count, const SampleRunOptions& options,
                 const LoadSample& load, const StoreSample& store);

/// The program that run_samples would run for so many samples; for callers that keep it.
std::shared_ptr<const Program> prepare_for_samples(const Model& model, int64_t count,
                                                   const SampleRunOptions& options);

/// The same with a program prepared before (options.batch, kernels and numerics are the program's).
void run_samples(std::shared_ptr<const Program> program, int64_t count,
                 const SampleRunOptions& options, const LoadSample& load, const StoreSample& store);

}  // namespace smelt
