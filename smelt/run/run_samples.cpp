#include "smelt/run/run_samples.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "smelt/base/parallel.h"
#include "smelt/run/batch.h"

namespace smelt {
namespace {

/// Counts finished samples and reports them, one caller at a time.
class Reporter {
 public:
  Reporter(const SampleRunOptions& options, int64_t total) : options_(options), total_(total) {}

  void finished(int64_t samples) {
    if (!options_.progress) return;
    const std::scoped_lock lock(mutex_);
    done_ += samples;
    if (!options_.progress(options_.stage, done_, total_)) fail(ErrorKind::io, "interrupted");
  }

 private:
  const SampleRunOptions& options_;
  int64_t total_;
  std::mutex mutex_;
  int64_t done_ = 0;
};

/// One worker's interpreter, and where in the samples it is.
class Worker {
 public:
  Worker(std::shared_ptr<const Program> program, int index, const SampleRunOptions& options)
      : interpreter_(std::move(program)) {
    if (!options.hook) return;
    interpreter_.set_hook([this, index, &options](const Interpreter& interpreter, int step) {
      options.hook({interpreter, step, index, first_, samples_});
    });
  }

  void run(int64_t first, int samples, bool stateful, const LoadSample& load,
           const StoreSample& store) {
    first_ = first;
    samples_ = samples;
    if (stateful) interpreter_.reset();
    for (int lane = 0; lane < samples; ++lane) {
      with_sample(first + lane, [&] { load(first + lane, SampleInputs(interpreter_, lane)); });
    }
    interpreter_.invoke();
    for (int lane = 0; lane < samples; ++lane) {
      with_sample(first + lane, [&] { store(first + lane, SampleOutputs(interpreter_, lane)); });
    }
  }

 private:
  template <class Body>
  static void with_sample(int64_t sample, Body&& body) {
    with_context([&] { return fmt::format("sample {}", sample); }, body);
  }

  Interpreter interpreter_;
  int64_t first_ = 0;
  int samples_ = 0;
};

template <class T>
std::span<T> lane_of(std::span<T> all, int lane, int batch) {
  const size_t size = all.size() / static_cast<size_t>(batch);
  return all.subspan(static_cast<size_t>(lane) * size, size);
}

}  // namespace

size_t SampleInputs::count() const { return interpreter_.program().graph().inputs().size(); }
size_t SampleOutputs::count() const { return interpreter_.program().graph().outputs().size(); }

std::span<uint8_t> SampleInputs::bytes(size_t index) const {
  return lane_of(interpreter_.input_bytes(index), lane_, interpreter_.program().options().batch);
}

std::span<const uint8_t> SampleOutputs::bytes(size_t index) const {
  return lane_of(interpreter_.output_bytes(index), lane_, interpreter_.program().options().batch);
}

Shape SampleOutputs::shape(size_t index) const {
  Shape shape = interpreter_.output_shape(index);
  if (interpreter_.program().options().batch > 1) shape[0] = 1;
  return shape;
}

std::span<const uint8_t> SampleHookArgs::bytes(TensorId id) const {
  const std::span<const uint8_t> all = interpreter.tensor_bytes(id);
  const Program& program = interpreter.program();
  if (program.graph().tensor(id).is_constant) return all;
  return all.first(all.size() / static_cast<size_t>(program.options().batch) *
                   static_cast<size_t>(samples));
}

std::shared_ptr<const Program> prepare_for_samples(const Model& model, int64_t count,
                                                   const SampleRunOptions& options) {
  const int batch = options.batch > 0 ? options.batch : choose_batch(model, count);
  return Program::prepare(
      model, {.batch = batch, .kernels = options.kernels, .numerics = options.numerics});
}

void run_samples(const Model& model, int64_t count, const SampleRunOptions& options,
                 const LoadSample& load, const StoreSample& store) {
  run_samples(prepare_for_samples(model, count, options), count, options, load, store);
}

void run_samples(std::shared_ptr<const Program> program, int64_t count,
                 const SampleRunOptions& options, const LoadSample& load,
                 const StoreSample& store) {
  const int batch = program->options().batch;
  const int threads = options.threads > 0 ? options.threads : available_threads();
  const int64_t groups = (count + batch - 1) / batch;
  const bool stateful = program->stateful();
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(threads));
  Reporter reporter(options, count);
  parallel_for(groups, threads, [&](int index, int64_t group) {
    std::unique_ptr<Worker>& worker = workers[static_cast<size_t>(index)];
    // By its own thread, so that the memory is near it.
    if (!worker) worker = std::make_unique<Worker>(program, index, options);
    const int64_t first = group * batch;
    const int samples = static_cast<int>(std::min<int64_t>(batch, count - first));
    worker->run(first, samples, stateful, load, store);
    reporter.finished(samples);
  });
}

}  // namespace smelt
