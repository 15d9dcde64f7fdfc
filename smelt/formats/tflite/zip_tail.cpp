#include "smelt/formats/tflite/zip_tail.h"

#include <cstring>
#include <optional>

#include "smelt/base/bytes.h"

namespace smelt::tflite {
namespace {

// Layout by PKWARE's APPNOTE, sections 4.3.12 and 4.3.16.
constexpr uint32_t kEntryMark = 0x02014b50, kEndMark = 0x06054b50;
constexpr size_t kEntryBytes = 46, kEndBytes = 22, kLongestComment = 65535;

template <class T>
T load(const std::vector<uint8_t>& bytes, size_t position) {
  T value;
  std::memcpy(&value, bytes.data() + position, sizeof(T));
  return value;
}

/// The central directory: where it starts and ends within the bytes, where it says that it starts.
struct Directory {
  size_t begin = 0, end = 0;
  uint32_t stated = 0;
};

std::optional<Directory> find_directory(const std::vector<uint8_t>& bytes) {
  for (size_t comment = 0; comment <= kLongestComment; ++comment) {
    if (bytes.size() < kEndBytes + comment) break;
    const size_t end = bytes.size() - kEndBytes - comment;
    if (load<uint32_t>(bytes, end) != kEndMark) continue;
    if (load<uint16_t>(bytes, end + 20) != comment) continue;
    const auto size = load<uint32_t>(bytes, end + 12);
    if (size > end) break;
    return Directory{end - size, end, load<uint32_t>(bytes, end + 16)};
  }
  return std::nullopt;
}

bool shift_field(std::vector<uint8_t>& bytes, size_t position, int64_t delta) {
  const int64_t shifted = int64_t{load<uint32_t>(bytes, position)} + delta;
  if (shifted < 0 || shifted >= INT64_C(0xffffffff)) return false;
  const auto value = static_cast<uint32_t>(shifted);
  std::memcpy(bytes.data() + position, &value, sizeof(value));
  return true;
}

}  // namespace

int64_t zip_position(const std::vector<uint8_t>& archive) {
  const auto directory = find_directory(archive);
  return directory ? int64_t{directory->stated} - static_cast<int64_t>(directory->begin) : 0;
}

void shift_zip(std::vector<uint8_t>& archive, int64_t delta) {
  const auto directory = find_directory(archive);
  if (!directory || delta == 0) return;
  std::vector<uint8_t> shifted = archive;
  size_t entry = directory->begin;
  while (entry < directory->end) {
    if (!in_range(entry, kEntryBytes, directory->end)) return;
    if (load<uint32_t>(shifted, entry) != kEntryMark) return;
    if (!shift_field(shifted, entry + 42, delta)) return;
    entry += kEntryBytes + load<uint16_t>(shifted, entry + 28) +
             load<uint16_t>(shifted, entry + 30) + load<uint16_t>(shifted, entry + 32);
  }
  if (!shift_field(shifted, directory->end + 16, delta)) return;
  archive = std::move(shifted);
}

}  // namespace smelt::tflite
