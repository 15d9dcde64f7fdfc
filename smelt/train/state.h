#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "smelt/train/constraint.h"

namespace smelt::train {

/// A counter or a double as a checkpoint holds it: four floats of 16 bits each, so that nothing is
/// lost.
inline void visit_bits(const StateVisitor& visit, const std::string& name, uint64_t& bits) {
  std::vector<float> parts(4);
  for (size_t i = 0; i < 4; ++i) parts[i] = static_cast<float>(bits >> (16 * i) & 0xffff);
  visit(name, parts);
  bits = 0;
  for (size_t i = 0; i < 4; ++i) {
    // Checkpoints are files: what is no number of 16 bits counts as 0.
    const bool valid = parts[i] >= 0 && parts[i] <= 0xffff;
    bits |= static_cast<uint64_t>(valid ? parts[i] : 0) << (16 * i);
  }
}

inline void visit_count(const StateVisitor& visit, const std::string& name, int64_t& count) {
  auto bits = static_cast<uint64_t>(count);
  visit_bits(visit, name, bits);
  count = static_cast<int64_t>(bits);
}

inline void visit_double(const StateVisitor& visit, const std::string& name, double& value) {
  auto bits = std::bit_cast<uint64_t>(value);
  visit_bits(visit, name, bits);
  value = std::bit_cast<double>(bits);
}

/// Yes and no, a float each.
inline void visit_bytes(const StateVisitor& visit, const std::string& name,
                        std::vector<uint8_t>& bytes) {
  std::vector<float> values(bytes.begin(), bytes.end());
  visit(name, values);
  std::transform(values.begin(), values.end(), bytes.begin(),
                 [](float value) { return static_cast<uint8_t>(value != 0); });
}

}  // namespace smelt::train
