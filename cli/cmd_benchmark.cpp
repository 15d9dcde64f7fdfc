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
  std::string numerics, compare;
};

std::string op_table(const BenchmarkResult& result) {
  Table table({"#", "op", "layer", "ms", "share", "MACs", "GFLOP/s", "bytes"});
  for (size_t i = 0; i < result.ops.size(); ++i) {
    const BenchmarkOp& op = result.ops[i];
    table.add({std::to_string(i), op.type, op.name, fmt::format("{:.4f}", op.ms),
               fmt::format("{:.1f} %", 100 * op.share), op.macs > 0 ? format_count(op.macs) : "",
               op.macs > 0 ? fmt::format("{:.1f}", op.gflops) : "", format_count(op.bytes)});
  }
  return table.text();
}

std::string ratio(double first, double second) {
  return second > 0 ? fmt::format("{:.2f}x", first / second) : "";
}

/// A line per figure: the model's, the other's, and how many times better the model is.
std::string versus_table(const std::string& path, const BenchmarkResult& model,
                         const std::string& other_path, const BenchmarkResult& other) {
  Table table({"", path, other_path, "better"});
  auto more = [&](const std::string& what, double a, double b, const char* digits) {
    table.add({what, fmt::format(fmt::runtime(digits), a), fmt::format(fmt::runtime(digits), b),
               ratio(a, b)});
  };
  auto less = [&](const std::string& what, double a, double b, const char* digits) {
    table.add({what, fmt::format(fmt::runtime(digits), a), fmt::format(fmt::runtime(digits), b),
               ratio(b, a)});
  };
  auto bytes = [&](const std::string& what, int64_t a, int64_t b) {
    table.add({what, format_count(a), format_count(b),
               ratio(static_cast<double>(b), static_cast<double>(a))});
  };
  more("samples/s", model.samples_per_second, other.samples_per_second, "{:.1f}");
  less("latency p50, ms", model.latency_ms.p50, other.latency_ms.p50, "{:.4f}");
  less("latency p90, ms", model.latency_ms.p90, other.latency_ms.p90, "{:.4f}");
  less("latency p99, ms", model.latency_ms.p99, other.latency_ms.p99, "{:.4f}");
  bytes("MACs", model.macs, other.macs);
  bytes("file, bytes", model.file_bytes, other.file_bytes);
  bytes("tensors here, bytes", model.runtime_bytes, other.runtime_bytes);
  if (model.arena_bytes && other.arena_bytes) {
    bytes("TFLite Micro arena, bytes", *model.arena_bytes, *other.arena_bytes);
  }
  return table.text();
}

int run_benchmark(const BenchmarkCommand& options, Terminal& terminal) {
  BenchmarkOptions benchmark_options = options.benchmark;
  benchmark_options.progress = terminal.progress();
  benchmark_options.numerics = parse_numerics(options.numerics);
  std::vector<Model> models;
  models.push_back(load_for_inference(options.model));
  if (!options.compare.empty()) models.push_back(load_for_inference({.path = options.compare}));
  const std::vector<BenchmarkResult> results = benchmark(models, benchmark_options);
  const BenchmarkResult& result = results.front();
  terminal.print("{}\n", op_table(result));
  terminal.print("threads {}, batch {}, {} runs\n", result.threads, result.batch, result.runs);
  terminal.print("{:.1f} samples/s; latency p50 {:.3f} ms, p90 {:.3f} ms, p99 {:.3f} ms\n",
                 result.samples_per_second, result.latency_ms.p50, result.latency_ms.p90,
                 result.latency_ms.p99);
  terminal.print("memory of tensors: {} bytes here{}\n", format_count(result.runtime_bytes),
                 result.arena_bytes ? fmt::format(", TFLite Micro arena about {} bytes",
                                                  format_count(*result.arena_bytes))
                                    : "");
  nlohmann::json json = to_json(result);
  if (!options.compare.empty()) {
    terminal.print("\n{}", versus_table(options.model.path, result, options.compare, results[1]));
    json["compare"] = to_json(results[1]);
    json["compare"]["model"] = options.compare;
    json["speedup"] = result.samples_per_second / results[1].samples_per_second;
  }
  write_json(options.common, json);
  return kDone;
}

}  // namespace

void add_benchmark(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<BenchmarkCommand>();
  CLI::App& command =
      *app.add_subcommand("benchmark", "Measure speed: latency, samples/s and time of every op");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  BenchmarkOptions& b = options->benchmark;
  command.add_option("--threads", b.threads, "Threads, each with a sample of its own; 0: all")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--batch", b.batch, "Samples for each invocation")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--compare", options->compare,
                  "Measure this model too, in turns with the first, and show both side by side")
      ->type_name("OTHER");
  add_numerics(command, options->numerics);
  command.add_option("--seconds", b.seconds, "How long to measure")
      ->capture_default_str()
      ->type_name("S")
      ->check(CLI::PositiveNumber);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_benchmark);
}

}  // namespace smelt::cli
