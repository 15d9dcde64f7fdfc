#pragma once

#include <filesystem>
#include <string>

#include "smelt/data/array.h"
#include "smelt/data/rows.h"

namespace smelt {

/// What stands before the values of a .npy file (NumPy Enhancement Proposal 1 and
/// numpy.lib.format, versions 1.0, 2.0 and 3.0).
struct NpyHeader {
  DataType type = DataType::float32;
  Shape shape;
  bool fortran_order = false;
  size_t size = 0;  ///< bytes of the whole header: the offset of the values

  /// Bytes of the values.
  uint64_t data_bytes() const {
    return static_cast<uint64_t>(storage_bytes(type, shape.elements()));
  }
};

/// Bytes of a file that npy_header_size needs.
inline constexpr size_t kNpyPrefix = 12;

/// The size of the header from the first kNpyPrefix bytes of a file. bad_file where they are not
/// those of a .npy file or the header is larger than a header can be (1 MiB).
size_t npy_header_size(ByteView prefix);

/// Parses a whole header. bad_file where it is malformed; unsupported, with the cure, where it
/// describes Python objects, structured or big-endian values, or types that no model has.
NpyHeader parse_npy_header(ByteView header);

/// `data`, values in Fortran order, as an array in C order.
Array from_fortran_order(const NpyHeader& header, ByteView data);

/// The array of a .npy file, streamed (Fortran order: converted in memory). Bytes after the values
/// are ignored, as NumPy does.
Rows open_npy(const std::filesystem::path& path);
Array read_npy(const std::filesystem::path& path);

/// A version 1.0 header in C order, padded to a multiple of 64 bytes. unsupported for types that
/// NumPy lacks.
std::string make_npy_header(DataType type, const Shape& shape);

/// Writes atomically.
void write_npy(const std::filesystem::path& path, const Array& array);

}  // namespace smelt
