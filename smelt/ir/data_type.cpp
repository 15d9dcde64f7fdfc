#include "smelt/ir/data_type.h"

#include <array>

#include "smelt/base/bytes.h"

namespace smelt {
namespace {

struct TypeRow {
  std::string_view name;
  int bits;
};

constexpr std::array<TypeRow, kDataTypeCount> kTypes = {{
    {"float32", 32}, {"float16", 16},      {"int32", 32},      {"uint8", 8},      {"int64", 64},
    {"string", 0},   {"bool", 8},          {"int16", 16},      {"complex64", 64}, {"int8", 8},
    {"float64", 64}, {"complex128", 128},  {"uint64", 64},     {"resource", 0},   {"variant", 0},
    {"uint32", 32},  {"uint16", 16},       {"int4", 4},        {"bfloat16", 16},  {"int2", 2},
    {"uint4", 4},    {"float8_e4m3fn", 8}, {"float8_e5m2", 8},
}};

}  // namespace

std::string_view name(DataType type) { return kTypes[static_cast<size_t>(type)].name; }

std::optional<DataType> data_type_from_name(std::string_view wanted) {
  for (int i = 0; i < kDataTypeCount; ++i) {
    if (kTypes[static_cast<size_t>(i)].name == wanted) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

int bit_width(DataType type) { return kTypes[static_cast<size_t>(type)].bits; }

int64_t storage_bytes(DataType type, int64_t count) {
  const int64_t bits = checked_mul(count, bit_width(type), "size of a tensor");
  return bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

bool is_floating_point(DataType type) {
  switch (type) {
    case DataType::float32:
    case DataType::float16:
    case DataType::float64:
    case DataType::bfloat16:
    case DataType::float8_e4m3fn:
    case DataType::float8_e5m2:
      return true;
    default:
      return false;
  }
}

bool is_integer(DataType type) {
  switch (type) {
    case DataType::int2:
    case DataType::int4:
    case DataType::uint4:
    case DataType::int8:
    case DataType::uint8:
    case DataType::int16:
    case DataType::uint16:
    case DataType::int32:
    case DataType::uint32:
    case DataType::int64:
    case DataType::uint64:
      return true;
    default:
      return false;
  }
}

}  // namespace smelt
