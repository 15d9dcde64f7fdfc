#pragma once

#include <span>

#include "smelt/formats/tflite/budget.h"
#include "smelt/formats/tflite/buffers.h"
#include "smelt/ir/model.h"

namespace smelt::tflite {

/// Decodes the constants that TFLite Micro's tools compressed with lookup tables, as the metadata
/// entry "COMPRESSION_METADATA" describes them, and drops that entry: what is written again is an
/// ordinary model. bad_file where the description is damaged or does not fit.
void decompress(Model& model, std::span<const StoredBuffer> buffers, Budget& budget);

}  // namespace smelt::tflite
