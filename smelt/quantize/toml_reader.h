#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace smelt {

/// TOML 1.0 as JSON, so that both are read by the same code. Dates and times become text. bad_file
/// with line and column.
nlohmann::json parse_toml(std::string_view text);

}  // namespace smelt
