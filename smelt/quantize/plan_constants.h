#pragma once

#include <fmt/format.h>

#include <string>

#include "smelt/ir/graph.h"
#include "smelt/quantize/json_object.h"

namespace smelt {

// Parts of reading a plan (plan_file.h).

/// bad_argument: the plan does not belong to the model.
[[noreturn]] void another_model(const std::string& difference);

template <class... Args>
[[noreturn]] void another_model(fmt::format_string<Args...> format, Args&&... args) {
  another_model(fmt::format(format, std::forward<Args>(args)...));
}

/// Gives the graph the float constants that recovery changed or added, as the list holds them.
void read_constants(const Json::array_t& list, Graph& graph);

}  // namespace smelt
