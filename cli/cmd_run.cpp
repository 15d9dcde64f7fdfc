#include "command.h"
#include "model_options.h"
#include "smelt/eval/run_arrays.h"

namespace smelt::cli {
namespace {

struct RunOptions {
  CommonOptions common;
  ModelOptions model;
  std::string inputs, outputs, numerics;
  int threads = 0;
};

int run_run(const RunOptions& options, Terminal& terminal) {
  const Model model = load_for_inference(options.model);
  const RunArraysResult result = run_arrays(model, options.inputs, options.outputs,
                                            {.threads = options.threads,
                                             .numerics = parse_numerics(options.numerics),
                                             .progress = terminal.progress()});
  terminal.print("{} samples, {:.0f} samples/s -> {}\n", result.samples, result.samples_per_second,
                 options.outputs);
  write_json(options.common, {{"samples", result.samples},
                              {"samples_per_second", result.samples_per_second},
                              {"output", options.outputs}});
  return kDone;
}

}  // namespace

void add_run(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& command = *app.add_subcommand("run", "Run a model on arrays, sample by sample");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  command
      .add_option(
          "--inputs", options->inputs,
          "Arrays in0, in1, ... of [samples, input shape], the batch axis of 1 optional, in "
          "the inputs' own types")
      ->required()
      ->type_name("IN.npz");
  command
      .add_option("--outputs", options->outputs,
                  "Arrays out0, out1, ... of [samples, output shape]")
      ->required()
      ->type_name("OUT.npz");
  command.add_option("--threads", options->threads, "Worker threads (all)")->type_name("N");
  add_numerics(command, options->numerics);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_run);
}

}  // namespace smelt::cli
