#include "command.h"
#include "comparison.h"
#include "model_options.h"
#include "smelt/data/select.h"
#include "smelt/report/json.h"

namespace smelt::cli {
namespace {

struct EvaluateCommand {
  CommonOptions common;
  ModelOptions model;
  DataOptions data;
  CriteriaOptions criteria;
  std::string data_spec;
  std::string baseline;
  std::string numerics;
  int64_t limit = 0;
  int threads = 0;
};

int run_evaluate(const EvaluateCommand& options, Terminal& terminal) {
  const Criteria criteria = parse_criteria(options.criteria);
  if ((criteria.min_ratio || criteria.max_drop) && options.baseline.empty()) {
    fail(ErrorKind::bad_argument, "--min-ratio and --max-drop compare with --baseline MODEL");
  }
  DatasetPtr data = open_data(options.data_spec, options.data);
  if (options.limit > 0) data = take_first(data, options.limit);

  std::vector<Measured> models;
  auto add = [&](const char* name, const ModelOptions& source) {
    const Model model = load_for_inference(source);
    models.push_back(measure(
        name, model, model.source.file_bytes, *data,
        {.threads = options.threads, .numerics = parse_numerics(options.numerics)}, terminal));
  };
  if (!options.baseline.empty()) {
    add("baseline", {.path = options.baseline, .input_shapes = options.model.input_shapes});
  }
  add("model", options.model);

  const Measured& model = models.back();
  terminal.print("{}", comparison_table(models, models.front().bytes));
  terminal.print("{}", confusion_table(model.evaluation));
  nlohmann::json json = to_json(model.evaluation);
  if (models.size() > 1) json["baseline"] = to_json(models.front().evaluation);
  const int code =
      report_verdicts(judge(criteria, models.front().bytes, models.front(), model), terminal, json);
  write_json(options.common, json);
  return code;
}

}  // namespace

void add_evaluate(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<EvaluateCommand>();
  CLI::App& command =
      *app.add_subcommand("evaluate", "Measure a model's accuracy and loss on a data set");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  command
      .add_option("--data", options->data_spec,
                  "Samples with labels: a file, a folder, or "
                  "NAME:SPLIT such as fashion-mnist:test")
      ->required()
      ->type_name("DATA");
  command.add_option("--limit", options->limit, "Only the first N samples")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--baseline", options->baseline,
                  "Model to compare with, evaluated on the same samples")
      ->type_name("MODEL");
  command.add_option("--threads", options->threads, "Worker threads (all)")->type_name("N");
  add_numerics(command, options->numerics);
  add_criteria(command, options->criteria);
  add_preprocessing(command, options->data);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_evaluate);
}

}  // namespace smelt::cli
