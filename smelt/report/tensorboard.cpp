#include "smelt/report/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "smelt/base/crc32c.h"
#include "smelt/base/error.h"

namespace smelt {
namespace {

// Fields of protocol buffers: a key (field number and kind of value), then the value.

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

enum Kind : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_key(std::string& out, uint32_t field, Kind kind) { put_varint(out, field << 3 | kind); }

template <class T>
void put_fixed(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

void put_integer(std::string& out, uint32_t field, int64_t value) {
  put_key(out, field, varint);
  put_varint(out, static_cast<uint64_t>(value));
}

void put_double(std::string& out, uint32_t field, double value) {
  put_key(out, field, fixed64);
  put_fixed(out, value);
}

void put_bytes(std::string& out, uint32_t field, std::string_view value) {
  put_key(out, field, bytes);
  put_varint(out, value.size());
  out += value;
}

void put_doubles(std::string& out, uint32_t field, const std::vector<double>& values) {
  std::string packed;
  for (const double value : values) put_fixed(packed, value);
  put_bytes(out, field, packed);
}

/// Event: wall_time 1, step 2, file_version 3, summary 5.
std::string event(double seconds, int64_t step) {
  std::string out;
  put_double(out, 1, seconds);
  if (step != 0) put_integer(out, 2, step);
  return out;
}

/// Summary.Value: tag 1, simple_value 2 (float), histo 5.
std::string scalar(const std::string& tag, double value) {
  std::string out;
  put_bytes(out, 1, tag);
  put_key(out, 2, fixed32);
  put_fixed(out, static_cast<float>(value));
  return out;
}

/// HistogramProto: min 1, max 2, num 3, sum 4, sum_squares 5, bucket_limit 6, bucket 7.
std::string histogram(std::vector<float> values) {
  constexpr int kBuckets = 30;
  std::erase_if(values, [](float value) { return !std::isfinite(value); });
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double min = values.empty() ? 0 : *low, max = values.empty() ? 0 : *high;
  const double width = max > min ? (max - min) / kBuckets : 1;
  std::vector<double> limits, counts(kBuckets, 0);
  for (int i = 1; i <= kBuckets; ++i) limits.push_back(min + width * i);
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += value;
    squares += double{value} * value;
    const auto bucket = static_cast<size_t>((value - min) / width);
    counts[std::min<size_t>(bucket, kBuckets - 1)] += 1;
  }
  std::string out;
  put_double(out, 1, min);
  put_double(out, 2, max);
  put_double(out, 3, static_cast<double>(values.size()));
  put_double(out, 4, sum);
  put_double(out, 5, squares);
  put_doubles(out, 6, limits);
  put_doubles(out, 7, counts);
  return out;
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& folder, double seconds)
    : path_(folder / fmt::format("events.out.tfevents.{:010.0f}.smelt", seconds)) {
  // Several runs may begin within one second.
  for (int number = 1; descriptor_ < 0; ++number) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) break;
    if (errno != EEXIST) {
      fail(ErrorKind::io, "cannot write {}: {}", path_.string(), std::strerror(errno));
    }
    path_ = folder / fmt::format("events.out.tfevents.{:010.0f}.smelt.{}", seconds, number);
  }
  std::string first = event(seconds, 0);
  put_bytes(first, 3, "brain.Event:2");
  write_record(first);
}

EventFile::~EventFile() { ::close(descriptor_); }

void EventFile::write_record(const std::string& content) {
  std::string record;
  put_fixed(record, static_cast<uint64_t>(content.size()));
  put_fixed(record, masked_crc32c(crc32c(as_bytes(record))));
  record += content;
  put_fixed(record, masked_crc32c(crc32c(as_bytes(content))));
  for (size_t at = 0; at < record.size();) {
    const ssize_t count = ::write(descriptor_, record.data() + at, record.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      fail(ErrorKind::io, "cannot write {}: {}", path_.string(), std::strerror(errno));
    }
    at += static_cast<size_t>(count);
  }
}

void EventFile::add_scalars(int64_t step, double seconds, const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) put_bytes(summary, 1, scalar(tag, value));
  std::string out = event(seconds, step);
  put_bytes(out, 5, summary);
  write_record(out);
}

void EventFile::add_histogram(int64_t step, double seconds, const std::string& tag,
                              std::span<const float> values) {
  std::string value, summary;
  put_bytes(value, 1, tag);
  put_bytes(value, 5, histogram({values.begin(), values.end()}));
  put_bytes(summary, 1, value);
  std::string out = event(seconds, step);
  put_bytes(out, 5, summary);
  write_record(out);
}

}  // namespace smelt
