#pragma once

#include <cstdint>
#include <vector>

namespace smelt::tflite {

/// TFLite Metadata appends a zip archive (label files) to a model. A zip states positions from the
/// start of the file, so it breaks when the model in front of it changes its size. Adds `delta` to
/// every position in it; bytes that are no plain zip archive, or would leave its 32 bits, stay as
/// they are.
void shift_zip(std::vector<uint8_t>& archive, int64_t delta);

/// Where the archive says that it begins in its file, minus 0 for the start of `archive`; 0 for
/// bytes that are no plain zip archive.
int64_t zip_position(const std::vector<uint8_t>& archive);

}  // namespace smelt::tflite
