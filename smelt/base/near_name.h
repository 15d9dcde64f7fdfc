#pragma once

#include <span>
#include <string>
#include <string_view>

namespace smelt {

/// The known name that a misspelt one is likely to stand for: the one of least edit distance
/// (Levenshtein), the first of equal ones. Empty where all are more than 3 edits away.
std::string near_name(std::string_view word, std::span<const std::string> known);

}  // namespace smelt
