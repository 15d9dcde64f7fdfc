#include "quantize_options.h"

#include "smelt/quantize/recipe_file.h"

namespace smelt::cli {
namespace {

constexpr int64_t kSamples = 200;

/// Sets a field of the base and of every rule that sets it.
template <class T>
void set_everywhere(Recipe& recipe, T OpConfig::*base, std::optional<T> OpRule::*rule, T value) {
  recipe.base.*base = value;
  for (OpRule& each : recipe.rules) {
    if (each.*rule) each.*rule = value;
  }
}

LoadedRecipe recipe_of(const QuantizeCommand& options) {
  LoadedRecipe loaded = options.recipe.empty()
                            ? LoadedRecipe{scheme(options.scheme.empty() ? "int8" : options.scheme)}
                            : load_recipe(options.recipe);
  Recipe& recipe = loaded.recipe;
  if (!options.io.empty()) recipe.io = parse_io_type(options.io);
  if (!options.ranges.empty()) {
    set_everywhere(recipe, &OpConfig::ranges, &OpRule::ranges, parse_range_method(options.ranges));
  }
  if (options.percentile > 0) {
    set_everywhere(recipe, &OpConfig::percentile, &OpRule::percentile, options.percentile);
  }
  if (!options.weight_range.empty()) {
    set_everywhere(recipe, &OpConfig::weight_range, &OpRule::weight_range,
                   parse_weight_range(options.weight_range));
  }
  if (options.per_channel_dense) recipe.base.granularity = Granularity::per_channel;
  return loaded;
}

bool needs_histograms(const Recipe& recipe) {
  const auto needs = [](RangeMethod method) {
    return method != RangeMethod::minmax && method != RangeMethod::moving_average;
  };
  return needs(recipe.base.ranges) ||
         std::any_of(recipe.rules.begin(), recipe.rules.end(),
                     [&](const OpRule& rule) { return rule.ranges && needs(*rule.ranges); });
}

void add_calibration(CLI::App& command, QuantizeCommand& options) {
  command
      .add_option("--calibrate", options.calibrate,
                  "Typical samples that the ranges of activations are taken from (integer schemes)")
      ->type_name("DATA");
  command
      .add_option("--samples", options.samples,
                  "How many of them, chosen by --seed, of each class its share (200)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--calibration-method", options.ranges,
                  "Range that activations get: the part of what was seen with the least squared "
                  "error (mse, the default), all of it (minmax), the exponential average over "
                  "samples (moving-average), without the values beyond --percentile, or the part "
                  "that loses least information (entropy)")
      ->check(CLI::IsMember({"mse", "minmax", "moving-average", "percentile", "entropy"}))
      ->type_name("METHOD");
  command
      .add_option("--percentile", options.percentile,
                  "Values that --calibration-method percentile keeps inside, in percent (99.99)")
      ->type_name("P")
      ->check(CLI::Range(50.0, 100.0));
  command
      .add_option("--weight-range", options.weight_range,
                  "Range that weights get: all of it (minmax, the default), the clip with the "
                  "least squared error (mse), or OCTAV's")
      ->check(CLI::IsMember({"minmax", "mse", "octav"}))
      ->type_name("METHOD");
  command
      .add_option("--recover", options.recover,
                  "Win back what rounding loses: none, all, or some of equalize (even out channels "
                  "between layers), bias (correct mean errors), round (learned rounding of "
                  "weights), gptq (error feedback while rounding)")
      ->capture_default_str()
      ->type_name("STEPS");
  command.add_option("--seed", options.seed, "Seed of the choice of samples")
      ->capture_default_str()
      ->type_name("N");
}

void add_recipe(CLI::App& command, QuantizeCommand& options) {
  command.add_option("--scheme", options.scheme, "What becomes of weights and activations (int8)")
      ->check(CLI::IsMember(scheme_names()))
      ->type_name("SCHEME");
  command
      .add_option("--recipe", options.recipe,
                  "Rules by layer and op: a TOML or JSON file, a recipe of the LiteRT quantizer "
                  "(file or name), or settings of an MLTK tflite_converter")
      ->type_name("FILE");
  command
      .add_option("--plan", options.plan,
                  "Carry out a plan that --save-plan wrote; needs no samples")
      ->type_name("FILE");
  command.add_option("--save-plan", options.save_plan, "Write the plan, as JSON")
      ->type_name("FILE");
  command.add_flag("--dry-run", options.dry_run, "Print the plan, op by op, and write no model");
}

void add_debugging(CLI::App& command, QuantizeCommand& options) {
  const std::string group = "Debugger";
  command
      .add_flag("--debug", options.debug,
                "Compare the result with the float model op by op, on the data of --evaluate or "
                "--calibrate (see smelt debug)")
      ->group(group);
  command.add_flag("--fix", options.fix, "Quantize again with the cures that --debug names")
      ->group(group);
  command.add_option("--debug-csv", options.debugger.csv, "Write every op's statistics")
      ->type_name("FILE")
      ->group(group);
  add_debugger(command, options.debugger);
}

}  // namespace

void add_quantize_options(CLI::App& command, QuantizeCommand& options) {
  add_model(command, options.model);
  add_recurrent_form(command, options.model);
  add_calibration(command, options);
  command.add_option("-o,--output", options.out, "File to write")->type_name("FILE");
  add_recipe(command, options);
  command
      .add_option(
          "--io", options.io,
          "Type of the model's inputs and outputs (default: int8 of int8 and int4, int16 of "
          "int16x8, float32 of the others)")
      ->check(CLI::IsMember({"int8", "uint8", "int16", "float32"}))
      ->type_name("TYPE");
  command.add_flag("--per-channel-dense", options.per_channel_dense,
                   "A scale per unit of dense layers too: larger file and arena");
  command
      .add_option("--evaluate", options.evaluate,
                  "Measure the float and the written model on this data")
      ->type_name("DATA");
  command.add_option("--threads", options.threads, "Worker threads (all)")->type_name("N");
  add_debugging(command, options);
  add_numerics(command, options.numerics);
  add_criteria(command, options.criteria);
  add_preprocessing(command, options.data);
  add_common(command, options.common);
}

void check_options(const QuantizeCommand& options) {
  const auto require = [](bool holds, std::string_view message) {
    if (!holds) fail(ErrorKind::bad_argument, "{}", message);
  };
  require(!options.out.empty() || options.dry_run,
          "give the file to write with -o FILE, or --dry-run to see the plan only");
  require(options.scheme.empty() || options.recipe.empty(),
          "--scheme and --recipe exclude each other; a recipe file says 'scheme = \"...\"'");
  require(!options.debug || !options.calibrate.empty() || !options.evaluate.empty(),
          "--debug needs samples; give --calibrate or --evaluate DATA");
  require(options.debug || (!options.fix && options.debugger.csv.empty()),
          "--fix and --debug-csv are of --debug, which is not asked for");
  const bool other = !options.scheme.empty() || !options.recipe.empty() ||
                     !options.calibrate.empty() || !options.io.empty() || !options.ranges.empty() ||
                     !options.weight_range.empty() || options.percentile > 0 ||
                     options.per_channel_dense || options.recover != "none" || options.fix;
  require(options.plan.empty() || !other,
          "--plan says all that --scheme, --recipe, --calibrate, --io, --calibration-method, "
          "--percentile, --weight-range, --per-channel-dense, --recover and --fix say; give it "
          "alone");
}

QuantizeOptions quantize_options(const QuantizeCommand& options, Terminal& terminal) {
  const LoadedRecipe loaded = recipe_of(options);
  QuantizeOptions result{.recipe = loaded.recipe};
  result.calibrate = {
      .samples = options.samples > 0 ? options.samples : loaded.samples.value_or(kSamples),
      .seed = options.seed,
      .histograms = needs_histograms(result.recipe),
      .channels = true,
      .threads = options.threads,
      .progress = terminal.progress()};
  result.pipeline = pipeline_options(options.model);
  result.recover = parse_recovery(options.recover);
  result.recover.samples = result.calibrate.samples;
  result.recover.seed = options.seed;
  result.recover.threads = options.threads;
  result.recover.progress = terminal.progress();
  return result;
}

DatasetPtr calibration_data(const QuantizeCommand& options, const Recipe& recipe) {
  if (!options.calibrate.empty()) return open_data(options.calibrate, options.data);
  if (needs_calibration(recipe)) {
    fail(ErrorKind::bad_argument,
         "{} takes the ranges of activations from typical samples; give --calibrate DATA",
         options.recipe.empty() ? "scheme " + recipe.name : "recipe " + options.recipe);
  }
  return nullptr;
}

}  // namespace smelt::cli
