#pragma once

#include <google/protobuf/stubs/logging.h>

#include <string_view>

#include "smelt/base/bytes.h"
#include "tensorflow.pb.h"

namespace smelt::tensorflow {

/// Reads a serialized message; bad_file, naming `what`, where the bytes are none. Nesting is
/// limited by the library (100 levels), memory by the size of the bytes.
template <class Message>
Message parse(ByteView bytes, std::string_view what) {
  // The library prints what it finds wrong, unless it is told not to.
  static const auto kQuiet [[maybe_unused]] = google::protobuf::SetLogHandler(nullptr);
  Message message;
  constexpr size_t kMaxBytes = (size_t{1} << 31) - 1;
  if (bytes.size() > kMaxBytes ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    fail(ErrorKind::bad_file, "{} is damaged: no protobuf message of its kind", what);
  }
  return message;
}

}  // namespace smelt::tensorflow
