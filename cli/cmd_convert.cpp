#include "command.h"
#include "model_options.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

struct ConvertOptions {
  CommonOptions common;
  ModelOptions model;
  std::string out;
};

int run_convert(const ConvertOptions& options, Terminal& terminal) {
  const Model model = load_for_inference(options.model);
  const int64_t bytes = tflite::save(model, options.out);
  terminal.print("{}: {} -> {}: {}\n", options.model.path, format_bytes(model.source.file_bytes),
                 options.out, format_bytes(bytes));
  write_json(options.common, {{"input", options.model.path},
                              {"input_bytes", model.source.file_bytes},
                              {"output", options.out},
                              {"output_bytes", bytes},
                              {"ops", model.main().op_count()}});
  return kDone;
}

}  // namespace

void add_convert(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App& command = *app.add_subcommand("convert", "Write a model as float .tflite");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  command.add_option("-o,--output", options->out, "File to write")->required()->type_name("FILE");
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_convert);
}

}  // namespace smelt::cli
