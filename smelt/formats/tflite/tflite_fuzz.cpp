#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "smelt/formats/tflite/tflite.h"
#include "smelt/ir/dump.h"

/// Bytes that parse must survive a round trip; all others must give an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that reading past the end is seen.
  const auto bytes = std::make_shared<const std::vector<uint8_t>>(data, data + size);
  try {
    const smelt::Model model = smelt::tflite::parse(*bytes, bytes);
    const auto written =
        std::make_shared<const std::vector<uint8_t>>(smelt::tflite::serialize(model));
    const smelt::Model again = smelt::tflite::parse(*written, written);
    if (!difference(model, again).empty()) std::abort();
  } catch (const smelt::Error& error) {
    if (error.kind() == smelt::ErrorKind::internal) std::abort();
  }
  return 0;
}
