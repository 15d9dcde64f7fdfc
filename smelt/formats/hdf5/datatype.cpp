#include "smelt/formats/hdf5/datatype.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "smelt/base/half.h"

namespace smelt::hdf5::internal {
namespace {

constexpr int kMaxRank = 32;

/// Layout of the three IEEE 754 formats: exponent position and size, mantissa size, bias.
struct FloatLayout {
  uint32_t size;
  uint8_t exponent_at, exponent_bits, mantissa_bits;
  uint32_t bias;
};
constexpr FloatLayout kFloats[] = {{2, 10, 5, 10, 15}, {4, 23, 8, 23, 127}, {8, 52, 11, 52, 1023}};

void read_floating(Cursor& in, uint32_t bits, Datatype& type) {
  type.kind = Datatype::Kind::floating;
  type.big_endian = bits & 1;
  if (bits & 0x40) type.problem = "VAX byte order";
  const uint16_t offset = in.u16();
  const uint16_t precision = in.u16();
  const uint8_t exponent_at = in.u8();
  const uint8_t exponent_bits = in.u8();
  const uint8_t mantissa_at = in.u8();
  const uint8_t mantissa_bits = in.u8();
  const uint32_t bias = in.u32();
  const bool known = std::any_of(std::begin(kFloats), std::end(kFloats), [&](FloatLayout l) {
    return l.size == type.size && l.exponent_at == exponent_at &&
           l.exponent_bits == exponent_bits && l.mantissa_bits == mantissa_bits && l.bias == bias;
  });
  if (!known || offset != 0 || mantissa_at != 0 || precision != 8 * type.size) {
    type.problem = "a float format that is not IEEE 754 half, single or double";
  }
}

void read_integer(Cursor& in, uint32_t bits, Datatype& type) {
  type.kind = Datatype::Kind::integer;
  type.big_endian = bits & 1;
  type.is_signed = bits & 8;
  const uint16_t offset = in.u16();
  const uint16_t precision = in.u16();
  const bool known = type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8;
  if (!known || offset != 0 || precision != 8 * type.size) {
    type.problem = "integers of unusual width";
  }
}

/// An element's bits as an unsigned integer.
uint64_t load(const uint8_t* at, const Datatype& type) {
  uint64_t value = 0;
  std::memcpy(&value, at, type.size);
  return type.big_endian ? __builtin_bswap64(value) >> (64 - 8 * type.size) : value;
}

float integer_value(uint64_t bits, const Datatype& type) {
  const int unused = 64 - 8 * static_cast<int>(type.size);
  if (!type.is_signed) return static_cast<float>(bits);
  return static_cast<float>(static_cast<int64_t>(bits << unused) >> unused);
}

float floating_value(uint64_t bits, const Datatype& type) {
  if (type.size == 2) return half_to_float(static_cast<uint16_t>(bits));
  if (type.size == 4) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  return static_cast<float>(std::bit_cast<double>(bits));
}

}  // namespace

int64_t Dataspace::elements() const {
  if (null) return 0;
  int64_t product = 1;
  for (const int64_t dim : dims) product = checked_mul(product, dim, "number of elements");
  return product;
}

Dataspace read_dataspace(Cursor in) {
  Dataspace space;
  const uint8_t version = in.version(1, 2);
  const int rank = in.u8();
  in.skip(1);  // flags: largest sizes follow the sizes
  if (version == 1) {
    in.skip(5);
  } else {
    space.null = in.u8() == 2;
  }
  if (rank > kMaxRank) fail(ErrorKind::bad_file, "dataspace of {} axes", rank);
  for (int i = 0; i < rank; ++i) {
    const uint64_t dim = in.length();
    if (dim > uint64_t{1} << 48) fail(ErrorKind::bad_file, "dataspace: axis {} is too long", i);
    space.dims.push_back(static_cast<int64_t>(dim));
  }
  return space;
}

Datatype read_datatype(Cursor in) {
  Datatype type;
  const uint8_t head = in.u8();
  const auto bits = static_cast<uint32_t>(in.uint(3));
  type.size = in.u32();
  if (type.size == 0) fail(ErrorKind::bad_file, "datatype of 0 bytes");
  switch (head & 15) {
    case 0:
      read_integer(in, bits, type);
      break;
    case 1:
      read_floating(in, bits, type);
      break;
    case 3:
      type.kind = Datatype::Kind::string;
      type.space_padded = (bits & 15) == 2;
      break;
    case 9:
      if ((bits & 15) == 1) type.kind = Datatype::Kind::variable_string;
      break;
    default:
      break;
  }
  return type;
}

std::string Datatype::name() const {
  const std::string_view order = big_endian && size > 1 ? "big-endian " : "";
  switch (kind) {
    case Kind::integer:
      return fmt::format("{}{}int{}", order, is_signed ? "" : "u", 8 * size);
    case Kind::floating:
      return fmt::format("{}float{}", order, 8 * size);
    case Kind::string:
    case Kind::variable_string:
      return "string";
    case Kind::other:
      return "a compound or other special type";
  }
  return {};
}

bool is_native_float(const Datatype& type) {
  return type.kind == Datatype::Kind::floating && type.size == 4 && !type.big_endian &&
         type.problem.empty();
}

void to_floats(const Datatype& type, ByteView raw, std::span<float> out) {
  if (!type.problem.empty()) fail(ErrorKind::unsupported, "elements have {}", type.problem);
  const bool integer = type.kind == Datatype::Kind::integer;
  if (!integer && type.kind != Datatype::Kind::floating) {
    fail(ErrorKind::unsupported, "elements are {}, not numbers", type.name());
  }
  SMELT_CHECK(raw.size() == out.size() * type.size);
  if (is_native_float(type)) {
    if (!out.empty()) std::memcpy(out.data(), raw.data(), raw.size());
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const uint64_t bits = load(raw.data() + i * type.size, type);
    out[i] = integer ? integer_value(bits, type) : floating_value(bits, type);
  }
}

}  // namespace smelt::hdf5::internal
