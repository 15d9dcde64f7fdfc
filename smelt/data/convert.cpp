#include "smelt/data/convert.h"

#include <cstdlib>
#include <limits>

#include "smelt/base/half.h"

namespace smelt {
namespace {

template <class T, class Out, class Map>
void convert(ByteView bytes, std::span<Out> into, Map map) {
  const uint8_t* from = bytes.data();
  Out* to = into.data();
  const size_t count = into.size();
  for (size_t i = 0; i < count; ++i) {
    T value;  // the bytes of a file need not be aligned for T
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    to[i] = map(value);
  }
}

template <class T>
void convert_to_float(ByteView bytes, std::span<float> into) {
  convert<T>(bytes, into, [](T value) { return static_cast<float>(value); });
}

template <class T>
void convert_to_int64(ByteView bytes, std::span<int64_t> into) {
  convert<T>(bytes, into, [](T value) { return static_cast<int64_t>(value); });
}

}  // namespace

bool is_data_type(DataType type) {
  switch (type) {
    case DataType::float16:
    case DataType::float32:
    case DataType::float64:
    case DataType::int8:
    case DataType::uint8:
    case DataType::int16:
    case DataType::uint16:
    case DataType::int32:
    case DataType::uint32:
    case DataType::int64:
    case DataType::uint64:
    case DataType::boolean:
      return true;
    default:
      return false;
  }
}

void to_float(DataType type, ByteView bytes, std::span<float> into) {
  SMELT_CHECK(is_data_type(type));
  SMELT_CHECK(bytes.size() == into.size() * static_cast<size_t>(bit_width(type)) / 8);
  if (into.empty()) return;
  switch (type) {
    case DataType::float32:
      std::memcpy(into.data(), bytes.data(), bytes.size());
      return;
    case DataType::float16:
      return convert<uint16_t>(bytes, into, [](uint16_t bits) { return half_to_float(bits); });
    case DataType::float64:
      return convert_to_float<double>(bytes, into);
    case DataType::int8:
      return convert_to_float<int8_t>(bytes, into);
    case DataType::uint8:
      return convert_to_float<uint8_t>(bytes, into);
    case DataType::int16:
      return convert_to_float<int16_t>(bytes, into);
    case DataType::uint16:
      return convert_to_float<uint16_t>(bytes, into);
    case DataType::int32:
      return convert_to_float<int32_t>(bytes, into);
    case DataType::uint32:
      return convert_to_float<uint32_t>(bytes, into);
    case DataType::int64:
      return convert_to_float<int64_t>(bytes, into);
    case DataType::uint64:
      return convert_to_float<uint64_t>(bytes, into);
    default:
      return convert<uint8_t>(bytes, into, [](uint8_t bit) { return bit != 0 ? 1.0f : 0.0f; });
  }
}

std::vector<int64_t> to_int64(DataType type, ByteView bytes) {
  SMELT_CHECK(is_data_type(type) && !is_floating_point(type));
  std::vector<int64_t> values(bytes.size() / (static_cast<size_t>(bit_width(type)) / 8));
  const std::span<int64_t> into(values);
  switch (type) {
    case DataType::int8:
      convert_to_int64<int8_t>(bytes, into);
      break;
    case DataType::uint8:
      convert_to_int64<uint8_t>(bytes, into);
      break;
    case DataType::int16:
      convert_to_int64<int16_t>(bytes, into);
      break;
    case DataType::uint16:
      convert_to_int64<uint16_t>(bytes, into);
      break;
    case DataType::int32:
      convert_to_int64<int32_t>(bytes, into);
      break;
    case DataType::uint32:
      convert_to_int64<uint32_t>(bytes, into);
      break;
    case DataType::int64:
      convert_to_int64<int64_t>(bytes, into);
      break;
    case DataType::uint64:
      convert<uint64_t>(bytes, into, [](uint64_t value) {
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
          fail(ErrorKind::bad_file, "the value {} is out of range", value);
        }
        return static_cast<int64_t>(value);
      });
      break;
    default:
      convert<uint8_t>(bytes, into, [](uint8_t bit) { return int64_t{bit != 0}; });
  }
  return values;
}

Buffer allocate_buffer(size_t size, std::span<uint8_t>& into) {
  constexpr size_t kAlignment = 64;
  into = {};
  if (size == 0) return {};
  void* block =
      size > std::numeric_limits<size_t>::max() - kAlignment
          ? nullptr
          : std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment);
  if (block == nullptr) fail(ErrorKind::io, "there is not enough memory for {} bytes", size);
  std::shared_ptr<const void> owner(block, [](const void* p) { std::free(const_cast<void*>(p)); });
  into = {static_cast<uint8_t*>(block), size};
  return Buffer::view(into, std::move(owner));
}

void check_deflate_size(uint64_t size, uint64_t packed, std::string_view what) {
  constexpr uint64_t kMaxRatio = 1032;
  if (size / kMaxRatio > packed) {
    fail(ErrorKind::bad_file, "{} claims {} bytes, but {} compressed bytes cannot hold as many",
         what, size, packed);
  }
}

std::string printable(std::string_view text) {
  std::string clean(text);
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return clean;
}

}  // namespace smelt
