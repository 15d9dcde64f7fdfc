#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "smelt/quantize/recover/recover.h"

namespace smelt::cli {

/// What --recover gained, layer by layer; empty where there are no reports.
std::string recovery_table(const std::vector<RecoveryReport>& reports);

nlohmann::json recovery_json(const std::vector<RecoveryReport>& reports);

}  // namespace smelt::cli
