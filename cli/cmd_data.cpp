#include "command.h"
#include "smelt/data/fetch.h"

namespace smelt::cli {
namespace {

struct FetchOptions {
  CommonOptions common;
  std::string name;
};

int run_fetch(const FetchOptions& options, Terminal& terminal) {
  const FetchResult result = fetch_dataset(options.name, terminal.progress());
  terminal.print("{} {} in {}\n{}\n", options.name, result.already_there ? "was already" : "is now",
                 result.folder.string(), result.description);
  write_json(options.common, {{"name", options.name},
                              {"folder", result.folder.string()},
                              {"already_there", result.already_there}});
  return kDone;
}

}  // namespace

void add_data(CLI::App& app, Run& chosen) {
  CLI::App& command = *app.add_subcommand("data", "Get data sets");
  command.require_subcommand(1);
  auto options = std::make_shared<FetchOptions>();
  CLI::App& fetch =
      *command.add_subcommand("fetch", "Bring a known data set into the cache folder, once");
  fetch.add_option("NAME", options->name, "fashion-mnist or cifar10")->required();
  add_common(fetch, options->common);
  on_chosen(fetch, options, chosen, run_fetch);
}

}  // namespace smelt::cli
