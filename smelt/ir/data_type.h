#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace smelt {

/// Element types of tensors; the numbers are those of the TFLite schema.
enum class DataType : int8_t {
  float32 = 0,
  float16 = 1,
  int32 = 2,
  uint8 = 3,
  int64 = 4,
  string = 5,
  boolean = 6,
  int16 = 7,
  complex64 = 8,
  int8 = 9,
  float64 = 10,
  complex128 = 11,
  uint64 = 12,
  resource = 13,
  variant = 14,
  uint32 = 15,
  uint16 = 16,
  int4 = 17,
  bfloat16 = 18,
  int2 = 19,
  uint4 = 20,
  float8_e4m3fn = 21,
  float8_e5m2 = 22,
};
inline constexpr int kDataTypeCount = 23;

/// "float32", "int8", ...
std::string_view name(DataType type);
std::optional<DataType> data_type_from_name(std::string_view name);

/// Bits of one element as stored (4 for int4, two to a byte); 0 for string, resource and variant,
/// whose elements have no fixed size.
int bit_width(DataType type);

/// Bytes that `count` elements take when stored densely; sub-byte types are packed and the last
/// byte padded. 0 for types without a fixed size. bad_file where the size overflows int64.
int64_t storage_bytes(DataType type, int64_t count);

bool is_floating_point(DataType type);
bool is_integer(DataType type);

template <class T>
inline constexpr DataType data_type_of = [] {
  static_assert(sizeof(T) == 0, "no tensor element has this type");
  return DataType::float32;
}();
template <>
inline constexpr DataType data_type_of<float> = DataType::float32;
template <>
inline constexpr DataType data_type_of<double> = DataType::float64;
template <>
inline constexpr DataType data_type_of<int8_t> = DataType::int8;
template <>
inline constexpr DataType data_type_of<uint8_t> = DataType::uint8;
template <>
inline constexpr DataType data_type_of<int16_t> = DataType::int16;
template <>
inline constexpr DataType data_type_of<uint16_t> = DataType::uint16;
template <>
inline constexpr DataType data_type_of<int32_t> = DataType::int32;
template <>
inline constexpr DataType data_type_of<uint32_t> = DataType::uint32;
template <>
inline constexpr DataType data_type_of<int64_t> = DataType::int64;
template <>
inline constexpr DataType data_type_of<uint64_t> = DataType::uint64;
template <>
inline constexpr DataType data_type_of<bool> = DataType::boolean;

}  // namespace smelt
