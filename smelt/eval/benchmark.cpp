#include "smelt/eval/benchmark.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "smelt/base/parallel.h"
#include "smelt/base/random.h"
#include "smelt/eval/summary.h"
#include "smelt/ops/macs.h"
#include "smelt/run/profile.h"
#include "smelt/run/real_values.h"

namespace smelt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUpRuns = 3;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Values in 0..1, or any bytes where the type holds no numbers.
void fill_inputs(Interpreter& interpreter) {
  Random random(1);
  const Graph& graph = interpreter.program().graph();
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const Tensor& tensor = graph.tensor(graph.inputs()[i]);
    std::vector<float> values(static_cast<size_t>(tensor.shape.elements()));
    for (float& value : values) value = random.uniform(0, 1);
    store_real(tensor, values, interpreter.input_bytes(i));
  }
}

double percentile(const std::vector<double>& sorted, double share) {
  const auto index = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[index];
}

int64_t bytes_touched(const Graph& graph, const Op& op) {
  int64_t bytes = 0;
  for (const auto* ids : {&op.inputs, &op.outputs}) {
    for (const TensorId id : *ids) {
      if (!id || !graph.tensor(id).shape.known()) continue;
      bytes += storage_bytes(graph.tensor(id).type, graph.tensor(id).shape.elements());
    }
  }
  return bytes;
}

std::vector<BenchmarkOp> profile(const std::shared_ptr<const Program>& program, double seconds) {
  Interpreter interpreter(program);
  fill_inputs(interpreter);
  interpreter.invoke();
  StepTimer timer(*program);
  interpreter.set_hook(timer.hook());
  const auto start = Clock::now();
  do interpreter.invoke();
  while (seconds_since(start) < seconds);

  const Graph& graph = program->graph();
  const std::span<const double> times = timer.seconds();
  const double total = std::accumulate(times.begin(), times.end(), 0.0);
  std::vector<BenchmarkOp> ops;
  for (size_t i = 0; i < program->steps().size(); ++i) {
    const OpId id = program->steps()[i].op;
    const Op& op = graph.op(id);
    const double each = times[i] / static_cast<double>(timer.invocations());
    BenchmarkOp row{.name = op.origin, .type = std::string(name(op.type)), .ms = 1e3 * each};
    if (row.name.empty() && op.output()) row.name = graph.tensor(op.output()).name;
    row.share = total > 0 ? times[i] / total : 0;
    row.macs = macs(graph, id);
    row.bytes = bytes_touched(graph, op);
    row.gflops = each > 0 ? 2e-9 * static_cast<double>(row.macs) / each : 0;
    ops.push_back(std::move(row));
  }
  return ops;
}

/// A model at work on a number of threads.
class Bench {
 public:
  Bench(const Model& model, int threads, const BenchmarkOptions& options)
      : program_(prepare(model, options)), options_(options) {
    for (int i = 0; i < threads; ++i) workers_.push_back(std::make_unique<Worker>(program_));
  }

  /// Runs on every thread until the time is up.
  void run(double seconds) {
    const int threads = static_cast<int>(workers_.size());
    parallel_for(threads, threads, [&](int, int64_t i) {
      const auto start = Clock::now();
      Worker& worker = *workers_[static_cast<size_t>(i)];
      do {
        const auto before = Clock::now();
        worker.interpreter.invoke();
        worker.ms.push_back(1e3 * seconds_since(before));
      } while (seconds_since(start) < seconds);
      worker.seconds += seconds_since(start);
    });
  }

  BenchmarkResult result() const {
    BenchmarkResult result{.threads = static_cast<int>(workers_.size()), .batch = options_.batch};
    std::vector<double> ms;
    for (const auto& worker : workers_) {
      ms.insert(ms.end(), worker->ms.begin(), worker->ms.end());
      result.samples_per_second +=
          options_.batch * static_cast<double>(worker->ms.size()) / worker->seconds;
    }
    std::sort(ms.begin(), ms.end());
    result.runs = static_cast<int64_t>(ms.size());
    result.latency_ms = {percentile(ms, 0.5), percentile(ms, 0.9), percentile(ms, 0.99)};
    result.runtime_bytes = program_->memory_bytes();
    result.ops = profile(program_, std::min(options_.seconds, 1.0));
    return result;
  }

 private:
  struct Worker {
    explicit Worker(const std::shared_ptr<const Program>& program) : interpreter(program) {
      fill_inputs(interpreter);
      for (int i = 0; i < kWarmUpRuns; ++i) interpreter.invoke();
    }
    Interpreter interpreter;
    std::vector<double> ms;  ///< of each invocation
    double seconds = 0;
  };

  static std::shared_ptr<const Program> prepare(const Model& model,
                                                const BenchmarkOptions& options) {
    if (options.batch > 1 && !batchable(model)) {
      fail(ErrorKind::bad_argument,
           "the model cannot run a batch of {}: its samples depend on each other or its shapes are "
           "fixed",
           options.batch);
    }
    return Program::prepare(model, {.batch = options.batch, .numerics = options.numerics});
  }

  std::shared_ptr<const Program> program_;
  BenchmarkOptions options_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

std::vector<BenchmarkResult> benchmark(std::span<const Model> models,
                                       const BenchmarkOptions& options) {
  constexpr int kRounds = 10;
  const int threads = options.threads > 0 ? options.threads : available_threads();
  std::vector<std::unique_ptr<Bench>> benches;
  for (const Model& model : models) {
    benches.push_back(std::make_unique<Bench>(model, threads, options));
  }
  for (int round = 0; round < kRounds; ++round) {
    if (options.progress && !options.progress("measuring", round, kRounds)) {
      fail(ErrorKind::io, "interrupted");
    }
    for (const auto& bench : benches) bench->run(options.seconds / kRounds);
  }
  std::vector<BenchmarkResult> results;
  for (size_t i = 0; i < models.size(); ++i) {
    BenchmarkResult& result = results.emplace_back(benches[i]->result());
    result.macs = macs(models[i].main());
    result.arena_bytes = micro_arena_bytes(models[i]);
    result.file_bytes = models[i].source.file_bytes;
  }
  return results;
}

}  // namespace smelt
