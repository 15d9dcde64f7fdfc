#include "command.h"

#include "smelt/base/file.h"

namespace smelt::cli {

void add_common(CLI::App& command, CommonOptions& options) {
  command.add_option("--json", options.json, "Write the result to FILE as JSON")->type_name("FILE");
  command.add_flag("-q,--quiet", options.quiet, "Print nothing but errors");
}

void write_json(const CommonOptions& options, const nlohmann::json& result) {
  if (options.json.empty()) return;
  const std::string text = result.dump(2) + "\n";
  write_file(options.json, as_bytes(std::string_view(text)));
}

}  // namespace smelt::cli
