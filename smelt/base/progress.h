#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace smelt {

/// How the library reports long work: stage ("calibrating"), units done, units in total (0 where
/// unknown). Called from worker threads one at a time; the library itself never prints.
/// Returning false asks the work to stop; it then throws Error{io, "interrupted"}.
using Progress = std::function<bool(std::string_view stage, int64_t done, int64_t total)>;

}  // namespace smelt
