#pragma once

#include <compare>
#include <cstdint>

namespace smelt {

/// An index that cannot be mixed up with an index of another kind. Ids of a graph are never
/// renumbered while it lives.
template <class Tag>
struct Id {
  int32_t value = -1;

  static const Id none;  ///< "no such thing": an optional operand that is absent

  explicit operator bool() const { return value >= 0; }
  auto operator<=>(const Id&) const = default;
};
template <class Tag>
inline constexpr Id<Tag> Id<Tag>::none{};

using TensorId = Id<struct TensorTag>;
using OpId = Id<struct OpTag>;

}  // namespace smelt
