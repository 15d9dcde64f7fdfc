#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/data/dataset.h"

namespace smelt {

/// The data sets that have names: "cifar10" and "fashion-mnist", each with the splits "train" and
/// "test".
std::vector<std::string> known_datasets();
bool is_known_dataset(std::string_view name);

/// $SMELT_CACHE, or $XDG_CACHE_HOME/smelt, or ~/.cache/smelt; an empty path where none of the three
/// variables is set.
std::filesystem::path cache_folder();

/// Where a known data set may lie, the first place first: the cache folder, then where the system's
/// packages put it.
std::vector<std::filesystem::path> places_of(std::string_view name);

/// Opens a split from `folder`; null where it is not there.
DatasetPtr open_known_in(std::string_view name, std::string_view split,
                         const std::filesystem::path& folder);

/// Opens a split from the first place that has it; io with the command that fetches it where none
/// has.
DatasetPtr open_known_dataset(std::string_view name, std::string_view split);

}  // namespace smelt
