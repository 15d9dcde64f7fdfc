#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "smelt/formats/keras/keras.h"
#include "smelt/ir/verify.h"

/// Bytes that import must give a graph that holds together; all others must give an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that reading past the end is seen.
  const auto bytes = std::make_shared<const std::vector<uint8_t>>(data, data + size);
  try {
    verify(smelt::keras::parse(*bytes, bytes));
  } catch (const smelt::Error& error) {
    if (error.kind() == smelt::ErrorKind::internal) std::abort();
  }
  return 0;
}
