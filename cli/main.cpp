#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "command.h"
#include "smelt/base/error.h"
#include "smelt/base/near_name.h"

namespace smelt::cli {
namespace {

constexpr AddCommand kCommands[] = {
    add_inspect, add_convert, add_quantize, add_evaluate,  add_debug,
    add_shrink,  add_train,   add_run,      add_benchmark, add_data,
};

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the model is not supported, 4 it ran but a\n"
    "stated criterion (--min-ratio, --max-drop) was missed.\n"
    "`smelt COMMAND --help` lists a command's flags.";

/// "did you mean --calibrate?" for an unknown flag or command, empty where nothing is near.
std::string suggestion(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  const CLI::App* command = &app;
  for (const CLI::App* chosen : app.get_subcommands()) command = chosen;
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const CLI::App* sub : command->get_subcommands({})) known.push_back(sub->get_name());
  const std::string near = near_name(word, known);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

/// An unknown word is the likelier cause of whatever else is missing, so it comes first.
int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string message =
      unknown.empty() ? error.what()
                      : "there is no " + unknown.front() + suggestion(app, unknown.front());
  fmt::print(stderr, "smelt: error: {}\n", message);
  return kUsage;
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_argument:
      return kUsage;
    case ErrorKind::unsupported:
      return kUnsupportedModel;
    default:
      return kFailed;
  }
}

int run(int argc, char** argv) {
  CLI::App app(
      "Makes trained neural networks small and fast for microcontrollers, phones and the "
      "web, and proves that they still work.",
      "smelt");
  app.set_version_flag("--version", "smelt " SMELT_VERSION);
  app.footer(kFooter);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Run chosen;
  for (const AddCommand add : kCommands) add(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return report_usage(app, error);
  }
  bool quiet = false;
  for (const CLI::App* command : app.get_subcommands()) {
    const CLI::Option* flag = command->get_option_no_throw("--quiet");
    quiet = quiet || (flag != nullptr && flag->count() > 0);
  }
  install_interrupt_handler();
  Terminal terminal(stdout, stderr, quiet);
  return chosen(terminal);
}

}  // namespace
}  // namespace smelt::cli

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error like a full disk
  try {
    return smelt::cli::run(argc, argv);
  } catch (const smelt::Error& error) {
    fmt::print(stderr, "smelt: error: {}\n", error.what());
    return smelt::cli::exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "smelt: error: not enough memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "smelt: error: {}\n", error.what());
  }
  return smelt::cli::kFailed;
}
