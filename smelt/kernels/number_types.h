#pragma once

#include <cstdint>
#include <initializer_list>

#include "smelt/kernels/kernel.h"

namespace smelt {

/// Calls f with a value of the C++ type that holds the operand's elements; unsupported where its
/// type is not among `supported` (of which complex and packed types have no number type).
template <class F>
auto with_number_type(const Operand& operand, std::initializer_list<DataType> supported, F&& f) {
  require_type(operand, supported);
  switch (operand.type) {
    case DataType::float32:
      return f(float{});
    case DataType::float64:
      return f(double{});
    case DataType::boolean:
    case DataType::uint8:
      return f(uint8_t{});
    case DataType::int8:
      return f(int8_t{});
    case DataType::int16:
      return f(int16_t{});
    case DataType::uint16:
      return f(uint16_t{});
    case DataType::uint32:
      return f(uint32_t{});
    case DataType::int64:
      return f(int64_t{});
    case DataType::uint64:
      return f(uint64_t{});
    default:
      return f(int32_t{});
  }
}

/// The same for indices: int32 or int64 (or others that the op takes).
template <class F>
auto with_index_type(const Operand& operand, std::initializer_list<DataType> supported, F&& f) {
  require_type(operand, supported);
  switch (operand.type) {
    case DataType::int16:
      return f(int16_t{});
    case DataType::int64:
      return f(int64_t{});
    default:
      return f(int32_t{});
  }
}

}  // namespace smelt
