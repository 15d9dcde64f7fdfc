#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "smelt/base/bytes.h"

namespace smelt {

/// Writes an event file that TensorBoard opens: records of TFRecord framing (u64 length, masked
/// CRC-32C of it, the bytes, masked CRC-32C of them), each an Event of tensorflow/core/util/
/// event.proto. Every call reaches the file before it returns, so that a running TensorBoard sees
/// it.
class EventFile {
 public:
  /// Makes "events.out.tfevents.SECONDS.smelt" in `folder`, which must exist. io where it cannot be
  /// written. `seconds`: wall time since 1970.
  EventFile(const std::filesystem::path& folder, double seconds);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  using Scalars = std::vector<std::pair<std::string, double>>;
  /// One event with a value for each tag. io where the disk is full.
  void add_scalars(int64_t step, double seconds, const Scalars& scalars);
  /// The distribution of values; those that are not finite do not count.
  void add_histogram(int64_t step, double seconds, const std::string& tag,
                     std::span<const float> values);

  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(const std::string& event);

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace smelt
