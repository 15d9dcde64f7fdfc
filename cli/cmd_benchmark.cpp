#include "command.h"
#include "model_options.h"
#include "smelt/report/json.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

struct BenchmarkCommand {
  CommonOptions common;
  ModelOptions model;
  BenchmarkOptions benchmark;
  std::string numerics;
};

std::string op_table(const BenchmarkResult& result) {
  Table table({"#", "op", "layer", "ms", "share", "MACs", "GFLOP/s"});
  for (size_t i = 0; i < result.ops.size(); ++i) {
    const BenchmarkOp& op = result.ops[i];
    table.add({std::to_string(i), op.type, op.name, fmt::format("{:.4f}", op.ms),
               fmt::format("{:.1f} %", 100 * op.share), op.macs > 0 ? format_count(op.macs) : "",
               op.macs > 0 ? fmt::format("{:.1f}", op.gflops) : ""});
  }
  return table.text();
}

int run_benchmark(const BenchmarkCommand& options, Terminal& terminal) {
  BenchmarkOptions benchmark_options = options.benchmark;
  benchmark_options.progress = terminal.progress();
  benchmark_options.numerics = parse_numerics(options.numerics);
  const BenchmarkResult result = benchmark(load_for_inference(options.model), benchmark_options);
  terminal.print("{}\n", op_table(result));
  terminal.print("threads {}, batch {}, {} runs\n", result.threads, result.batch, result.runs);
  terminal.print("{:.1f} samples/s; latency p50 {:.3f} ms, p90 {:.3f} ms, p99 {:.3f} ms\n",
                 result.samples_per_second, result.latency_ms.p50, result.latency_ms.p90,
                 result.latency_ms.p99);
  terminal.print("memory of tensors: {} bytes here{}\n", format_count(result.runtime_bytes),
                 result.arena_bytes ? fmt::format(", TFLite Micro arena about {} bytes",
                                                  format_count(*result.arena_bytes))
                                    : "");
  write_json(options.common, to_json(result));
  return kDone;
}

}  // namespace

void add_benchmark(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<BenchmarkCommand>();
  CLI::App& command =
      *app.add_subcommand("benchmark", "Measure speed: latency, samples/s and time of every op");
  add_model(command, options->model);
  BenchmarkOptions& b = options->benchmark;
  command.add_option("--threads", b.threads, "Threads, each with a sample of its own; 0: all")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--batch", b.batch, "Samples for each invocation")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  add_numerics(command, options->numerics);
  command.add_option("--seconds", b.seconds, "How long to measure")
      ->capture_default_str()
      ->type_name("S")
      ->check(CLI::PositiveNumber);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_benchmark);
}

}  // namespace smelt::cli
