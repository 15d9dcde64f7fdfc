#pragma once

#include <cstdint>
#include <vector>

#include "smelt/formats/hdf5/datatype.h"
#include "smelt/formats/hdf5/object_header.h"

namespace smelt::hdf5::internal {

/// One step of a filter pipeline.
struct Filter {
  uint16_t id = 0;
  std::vector<uint32_t> values;
};

std::vector<Filter> read_filters(const ObjectHeader& header);

/// Undoes the filters of one chunk, last first; bit i of `mask` says that filter i was left out.
/// The result has exactly `chunk_bytes` bytes.
std::vector<uint8_t> undo_filters(const std::vector<Filter>& filters, uint32_t mask,
                                  ByteView stored, uint64_t chunk_bytes);

/// The rest of a chunked layout message (behind its class), to the elements in row-major order.
/// `version` is that of the message.
std::vector<uint8_t> read_chunked(const ObjectHeader& header, Cursor layout, int version,
                                  const Dataspace& space, uint32_t element_size);

}  // namespace smelt::hdf5::internal
