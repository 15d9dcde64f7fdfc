#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "smelt/base/progress.h"

namespace smelt {

/// Runs a program of $PATH with its arguments (no shell) in `folder`, waits for it, and returns
/// what it printed. io where it is missing, with `cure`, or where it fails, with the end of what it
/// printed. `progress` is called with `stage` and the bytes printed so far, at least five times a
/// second; when it returns false the program is ended and io thrown.
std::string run_program(const std::vector<std::string>& arguments,
                        const std::filesystem::path& folder, std::string_view cure,
                        std::string_view stage, const Progress& progress);

}  // namespace smelt
