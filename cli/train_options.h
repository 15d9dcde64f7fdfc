#pragma once

#include <string>
#include <utility>
#include <vector>

#include "command.h"
#include "smelt/train/specification.h"

namespace smelt::cli {

/// What `smelt train` is told.
struct TrainCommand {
  CommonOptions common;
  std::string specification;  ///< TOML file
  std::string augment;
  std::vector<std::string> set;  ///< "prune.power=2"
  /// Flags that were given, as settings of the specification and their values, in their order.
  std::vector<std::pair<std::string, std::string>> settings;
  bool resume = false;
  bool overwrite = false;
};

void add_train_options(CLI::App& command, TrainCommand& options);

/// The settings of a resumed run's folder or of --spec, with what the flags change.
train::Specification specification_of(const TrainCommand& options);

}  // namespace smelt::cli
