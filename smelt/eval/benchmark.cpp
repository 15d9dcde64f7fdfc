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

struct Measured {
  std::vector<double> ms;  ///< of each invocation, in ascending order
  double per_second = 0;   ///< invocations, over all threads
};

/// Runs on every thread until the time is up. A thread's rate counts from the end of its own
/// warm-up.
Measured measure(const std::shared_ptr<const Program>& program, int threads,
                 const BenchmarkOptions& options) {
  std::vector<std::vector<double>> times(static_cast<size_t>(threads));
  std::vector<double> elapsed(static_cast<size_t>(threads));
  parallel_for(threads, threads, [&](int, int64_t worker) {
    Interpreter interpreter(program);
    fill_inputs(interpreter);
    for (int i = 0; i < kWarmUpRuns; ++i) interpreter.invoke();
    const auto start = Clock::now();
    do {
      const auto before = Clock::now();
      interpreter.invoke();
      times[static_cast<size_t>(worker)].push_back(1e3 * seconds_since(before));
      if (worker == 0 && options.progress) {
        const auto done = static_cast<int64_t>(100 * seconds_since(start) / options.seconds);
        if (!options.progress("measuring", std::min<int64_t>(done, 100), 100)) {
          fail(ErrorKind::io, "interrupted");
        }
      }
    } while (seconds_since(start) < options.seconds);
    elapsed[static_cast<size_t>(worker)] = seconds_since(start);
  });
  Measured result;
  for (size_t i = 0; i < times.size(); ++i) {
    result.ms.insert(result.ms.end(), times[i].begin(), times[i].end());
    result.per_second += static_cast<double>(times[i].size()) / elapsed[i];
  }
  std::sort(result.ms.begin(), result.ms.end());
  return result;
}

double percentile(const std::vector<double>& sorted, double share) {
  const auto index = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[index];
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
    row.gflops = each > 0 ? 2e-9 * static_cast<double>(row.macs) / each : 0;
    ops.push_back(std::move(row));
  }
  return ops;
}

}  // namespace

BenchmarkResult benchmark(const Model& model, const BenchmarkOptions& options) {
  if (options.batch > 1 && !batchable(model)) {
    fail(ErrorKind::bad_argument,
         "the model cannot run a batch of {}: its samples depend on each "
         "other or its shapes are fixed",
         options.batch);
  }
  const auto program =
      Program::prepare(model, {.batch = options.batch, .numerics = options.numerics});
  BenchmarkResult result;
  result.batch = options.batch;
  result.threads = options.threads > 0 ? options.threads : available_threads();

  const Measured measured = measure(program, result.threads, options);
  result.runs = static_cast<int64_t>(measured.ms.size());
  result.samples_per_second = measured.per_second * options.batch;
  result.latency_ms = {percentile(measured.ms, 0.5), percentile(measured.ms, 0.9),
                       percentile(measured.ms, 0.99)};
  result.macs = macs(model.main());
  result.runtime_bytes = program->memory_bytes();
  result.arena_bytes = micro_arena_bytes(model);
  result.ops = profile(program, std::min(options.seconds, 1.0));
  return result;
}

}  // namespace smelt
