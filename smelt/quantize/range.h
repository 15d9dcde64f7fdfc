#pragma once

namespace smelt {

/// Lowest and highest real value.
struct Range {
  float min = 0;
  float max = 0;

  bool operator==(const Range&) const = default;
};

}  // namespace smelt
