#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "terminal.h"

namespace smelt::cli {

/// What `smelt` returns to the shell.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kUnsupportedModel = 3,
  kCriterionMissed = 4,
};

/// Flags that every command has.
struct CommonOptions {
  bool quiet = false;
  std::string json;  ///< file for the machine-readable result
};

/// Adds --json and -q.
void add_common(CLI::App& command, CommonOptions& options);

/// Writes the result where --json asks for it.
void write_json(const CommonOptions& options, const nlohmann::json& result);

/// Each adds its subcommand to `app`, which sets `chosen` when the user names it.
using Run = std::function<int(Terminal&)>;
using AddCommand = void (*)(CLI::App& app, Run& chosen);
void add_inspect(CLI::App& app, Run& chosen);
void add_convert(CLI::App& app, Run& chosen);
void add_quantize(CLI::App& app, Run& chosen);
void add_debug(CLI::App& app, Run& chosen);
void add_shrink(CLI::App& app, Run& chosen);
void add_train(CLI::App& app, Run& chosen);
void add_evaluate(CLI::App& app, Run& chosen);
void add_run(CLI::App& app, Run& chosen);
void add_benchmark(CLI::App& app, Run& chosen);
void add_data(CLI::App& app, Run& chosen);

/// Makes `options` live as long as the command and runs `body(options, terminal)` when chosen.
template <class Options>
void on_chosen(CLI::App& command, std::shared_ptr<Options> options, Run& chosen,
               int (*body)(const Options&, Terminal&)) {
  command.callback([options, body, &chosen] {
    chosen = [options, body](Terminal& terminal) { return body(*options, terminal); };
  });
}

}  // namespace smelt::cli
