#include "command.h"
#include "model_options.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/report/json.h"
#include "smelt/report/table.h"
#include "smelt/shrink/shrink.h"

namespace smelt::cli {
namespace {

struct ShrinkCommand {
  CommonOptions common;
  ModelOptions model;
  DataOptions data;
  std::string evaluate, calibrate, max_drop = "1%", target = "litert", io, out;
  uint64_t flash = 0, ram = 0;
  int64_t samples = 200;
  uint64_t seed = 0;
  int threads = 0;
};

std::string missed_text(const Attempt& attempt) {
  std::string text;
  for (const Limit limit : attempt.missed)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name(limit));
  return text.empty() ? "meets all" : "misses " + text;
}

std::string drop_text(const Attempt& attempt) {
  if (!attempt.evaluation) return "not run";
  if (!attempt.paired) return fmt::format("{:+.2f} %", 100 * attempt.drop);
  const Interval& interval = attempt.paired->interval;
  return fmt::format("{:.2f} ({:.2f}..{:.2f})", 100 * attempt.drop, 100 * interval.low,
                     100 * interval.high);
}

std::string score_text(const Evaluation& evaluation) {
  if (evaluation.accuracy) return format_percent(*evaluation.accuracy);
  return evaluation.loss ? fmt::format("{:.5g}", *evaluation.loss) : "";
}

std::string attempts_table(const ShrinkResult& result) {
  const bool labels = result.baseline.accuracy.has_value();
  Table table({"tried", "bytes", "arena", labels ? "accuracy" : "loss",
               labels ? "drop in points (95 %)" : "rise of the loss", "p", "", "verdict"});
  table.add(
      {"float", format_count(result.float_bytes), "", score_text(result.baseline), "", "", "", ""});
  for (const Attempt& a : result.attempts) {
    table.add({a.rung.name, format_count(a.bytes), a.arena ? format_count(*a.arena) : "?",
               a.evaluation ? score_text(*a.evaluation) : "", drop_text(a),
               a.paired ? fmt::format("{:.3f}", a.paired->p_value) : "", a.pareto ? "Pareto" : "",
               missed_text(a)});
  }
  return table.text();
}

/// Which limits no rung can meet, and what the nearest are.
std::string why_not(const ShrinkResult& result, const Budget& budget) {
  std::string text;
  const auto least = [&](auto value) {
    std::optional<int64_t> smallest;
    for (const Attempt& a : result.attempts) {
      const std::optional<int64_t> v = value(a);
      if (v && (!smallest || *v < *smallest)) smallest = v;
    }
    return smallest;
  };
  const auto bytes = least([](const Attempt& a) { return std::optional(a.bytes); });
  if (budget.flash && bytes && *bytes > *budget.flash) {
    text += fmt::format("flash {} cannot be met: the smallest form takes {}\n",
                        format_bytes(*budget.flash), format_bytes(*bytes));
  }
  const auto arena = least([](const Attempt& a) { return a.arena; });
  if (budget.ram && (!arena || *arena > *budget.ram)) {
    text += fmt::format("ram {} cannot be met: the least arena is {}\n", format_bytes(*budget.ram),
                        arena ? format_bytes(*arena) : "unknown");
  }
  if (text.empty()) {
    text =
        "the limits can be met one by one, but not together: what is small enough loses too much\n";
  }
  const Attempt& closest = result.attempts[result.closest];
  text += fmt::format("closest: {} ({}, {})\n", closest.rung.name, format_bytes(closest.bytes),
                      missed_text(closest));
  for (const std::string& reason : closest.unsupported) text += "  " + reason + "\n";
  return text;
}

nlohmann::json attempt_json(const Attempt& a) {
  nlohmann::json json = {{"name", a.rung.name},       {"scheme", a.rung.recipe.name},
                         {"bytes", a.bytes},          {"missed", nlohmann::json::array()},
                         {"pareto", a.pareto},        {"unsupported", a.unsupported},
                         {"recovery", a.rung.recover}};
  for (const Limit limit : a.missed) json["missed"].push_back(name(limit));
  if (a.arena) json["arena_bytes"] = *a.arena;
  if (a.evaluation) {
    json["evaluation"] = to_json(*a.evaluation);
    json["drop"] = a.drop;
  }
  if (a.paired) {
    json["drop_low"] = a.paired->interval.low;
    json["drop_high"] = a.paired->interval.high;
    json["mcnemar_p"] = a.paired->p_value;
  }
  return json;
}

nlohmann::json result_json(const ShrinkResult& result, Target target) {
  nlohmann::json json = {{"float_bytes", result.float_bytes},
                         {"float", to_json(result.baseline)},
                         {"target", name(target)},
                         {"met", result.chosen.has_value()},
                         {"resolver_calls", result.micro.resolver_calls}};
  for (const Attempt& a : result.attempts) json["attempts"].push_back(attempt_json(a));
  const size_t best = result.chosen.value_or(result.closest);
  json[result.chosen ? "chosen" : "closest"] = result.attempts[best].rung.name;
  return json;
}

ShrinkOptions shrink_options(const ShrinkCommand& options, Terminal& terminal) {
  ShrinkOptions result;
  result.budget.max_drop = parse_share("--max-drop", options.max_drop);
  if (options.flash > 0) result.budget.flash = static_cast<int64_t>(options.flash);
  if (options.ram > 0) result.budget.ram = static_cast<int64_t>(options.ram);
  result.target = parse_target(options.target);
  result.calibrate = {.samples = options.samples,
                      .seed = options.seed,
                      .threads = options.threads,
                      .progress = terminal.progress()};
  if (!options.io.empty()) result.io = parse_io_type(options.io);
  result.pipeline = pipeline_options(options.model);
  result.threads = options.threads;
  result.progress = terminal.progress();
  return result;
}

int run_shrink(const ShrinkCommand& options, Terminal& terminal) {
  const ShrinkOptions how = shrink_options(options, terminal);
  const DatasetPtr data = open_data(options.evaluate, options.data);
  const DatasetPtr calibration =
      options.calibrate.empty() ? data : open_data(options.calibrate, options.data);
  const ShrinkResult result = shrink(load_model(options.model), calibration, *data, how);
  terminal.print("{}", attempts_table(result));
  if (options.calibrate.empty()) {
    terminal.print(
        "calibrated on the data that it is judged by; --calibrate DATA keeps them apart\n");
  }
  if (how.target == Target::tflm) {
    terminal.print("the firmware's resolver needs:");
    for (const std::string& call : result.micro.resolver_calls) terminal.print(" {}", call);
    terminal.print("\n");
  }
  nlohmann::json json = result_json(result, how.target);
  if (!result.chosen) {
    terminal.print("{}", why_not(result, how.budget));
  } else if (!options.out.empty()) {
    const int64_t bytes =
        tflite::save(result.quantized.model, options.out, {.source_metadata = false});
    terminal.print("{} -> {} ({}, {})\n", options.model.path, options.out,
                   result.attempts[*result.chosen].rung.name, format_bytes(bytes));
    json["output"] = options.out;
    json["output_bytes"] = bytes;
  }
  write_json(options.common, json);
  return result.chosen ? kDone : kCriterionMissed;
}

}  // namespace

void add_shrink(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<ShrinkCommand>();
  CLI::App& command =
      *app.add_subcommand("shrink", "Find the smallest form of a model that is still good enough");
  add_model(command, options->model);
  add_recurrent_form(command, options->model);
  command.add_option("--data", options->evaluate, "Data that accuracy is measured on")
      ->required()
      ->type_name("DATA");
  command
      .add_option("--calibrate", options->calibrate,
                  "Typical samples that ranges are taken from (default: those of --data)")
      ->type_name("DATA");
  command
      .add_option("--max-drop", options->max_drop,
                  "Largest loss of accuracy in points, such as 1% or 0.01; without labels the "
                  "relative rise of the loss")
      ->capture_default_str()
      ->type_name("SHARE");
  command.add_option("--flash", options->flash, "Most bytes of the file, such as 256K")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  command
      .add_option("--ram", options->ram, "Most bytes of TFLite Micro's tensor arena, such as 64K")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  command
      .add_option("--target", options->target,
                  "What is to run the model: litert, or tflm (only what TFLite Micro has kernels "
                  "for; lists the calls that the firmware's resolver needs)")
      ->capture_default_str()
      ->check(CLI::IsMember({"litert", "tflm"}))
      ->type_name("TARGET");
  command.add_option("--io", options->io, "Type of the model's inputs and outputs (as quantize)")
      ->check(CLI::IsMember({"int8", "uint8", "int16", "float32"}))
      ->type_name("TYPE");
  command.add_option("-o,--output", options->out, "File to write, where the limits are met")
      ->type_name("FILE");
  command.add_option("--samples", options->samples, "How many samples to calibrate on")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command.add_option("--seed", options->seed, "Seed of their choice")
      ->capture_default_str()
      ->type_name("N");
  command.add_option("--threads", options->threads, "Worker threads (all)")->type_name("N");
  add_preprocessing(command, options->data);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_shrink);
}

}  // namespace smelt::cli
