#include <bit>
#include <charconv>

#include "smelt/formats/saved_model/bundle.h"

namespace smelt::saved_model {
namespace {

/// Length, then the bytes that matter, the highest first.
void append_unsigned(std::string& key, uint64_t value) {
  const int bytes = (std::bit_width(value) + 7) / 8;
  key += static_cast<char>(bytes);
  for (int i = bytes - 1; i >= 0; --i) key += static_cast<char>(value >> (8 * i));
}

/// 7 bits to a byte; as many leading ones as bytes follow, inverted for negative numbers.
void append_signed(std::string& key, int64_t value) {
  constexpr unsigned char kHeader[11][2] = {{0, 0},    {0x80, 0},    {0xc0, 0},   {0xe0, 0},
                                            {0xf0, 0}, {0xf8, 0},    {0xfc, 0},   {0xfe, 0},
                                            {0xff, 0}, {0xff, 0x80}, {0xff, 0xc0}};
  const auto magnitude = static_cast<uint64_t>(value < 0 ? ~value : value);
  const size_t length = static_cast<size_t>(std::bit_width(magnitude)) / 7 + 1;
  unsigned char bytes[10];
  for (size_t i = 0; i < 10; ++i) {
    const int64_t shifted = i < 2 ? (value < 0 ? -1 : 0) : value >> (8 * (9 - i));
    bytes[i] = static_cast<unsigned char>(shifted);
  }
  unsigned char* begin = bytes + (10 - length);
  begin[0] ^= kHeader[length][0];
  if (length > 1) begin[1] ^= kHeader[length][1];
  key.append(reinterpret_cast<const char*>(begin), length);
}

/// Zeros and 0xff are escaped; two bytes end the text.
void append_text(std::string& key, const std::string& text) {
  for (const char c : text) {
    key += c;
    if (c == '\0') key += '\xff';
    if (c == '\xff') key += '\0';
  }
  key += '\0';
  key += '\1';
}

int64_t parse_size(std::string_view text) {
  int64_t value = -1;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value < 0) {
    fail(ErrorKind::bad_file, "the slice of a variable is malformed");
  }
  return value;
}

}  // namespace

std::string slice_key(const std::string& name, const Box& slice) {
  std::string key;
  append_unsigned(key, 0);
  append_text(key, name);
  append_unsigned(key, slice.start.size());
  for (size_t i = 0; i < slice.start.size(); ++i) {
    append_signed(key, slice.start[i]);
    append_signed(key, slice.length[i]);
  }
  return key;
}

Box parse_slice(const std::string& text) {
  const size_t space = text.rfind(' ');
  std::string_view rest = text;
  rest.remove_prefix(space == std::string::npos ? text.size() : space + 1);
  Box box;
  while (!rest.empty()) {
    const size_t colon = std::min(rest.find(':'), rest.size());
    const std::string_view part = rest.substr(0, colon);
    const size_t comma = part.find(',');
    if (part == "-") {
      box.start.push_back(0);
      box.length.push_back(-1);
    } else {
      box.start.push_back(parse_size(part.substr(0, comma)));
      box.length.push_back(parse_size(part.substr(std::min(comma, part.size() - 1) + 1)));
    }
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return box;
}

}  // namespace smelt::saved_model
