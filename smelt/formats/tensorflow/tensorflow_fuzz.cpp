#include <cstdint>
#include <cstdlib>
#include <vector>

#include "smelt/formats/tensorflow/tensorflow.h"
#include "smelt/ir/verify.h"

/// Bytes that import must give graphs that hold together; all others must give an Error.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that reading past the end is seen.
  const std::vector<uint8_t> bytes(data, data + size);
  try {
    verify(smelt::tensorflow::load_frozen(bytes));
  } catch (const smelt::Error& error) {
    if (error.kind() == smelt::ErrorKind::internal) std::abort();
  }
  return 0;
}
