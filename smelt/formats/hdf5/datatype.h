#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "smelt/formats/hdf5/image.h"

namespace smelt::hdf5::internal {

struct Dataspace {
  std::vector<int64_t> dims;  ///< empty for a scalar
  bool null = false;          ///< holds no element at all

  /// bad_file where the product overflows.
  int64_t elements() const;
};

Dataspace read_dataspace(Cursor in);

/// An element type as far as it is read.
struct Datatype {
  enum class Kind { integer, floating, string, variable_string, other };
  Kind kind = Kind::other;
  uint32_t size = 0;  ///< bytes of an element as stored
  bool big_endian = false;
  bool is_signed = false;
  bool space_padded = false;  ///< strings: filled up with spaces, as Fortran does
  std::string problem;        ///< why numbers of this type cannot be read; empty where they can

  std::string name() const;
};

Datatype read_datatype(Cursor in);

/// Converts `count` elements to float32. unsupported where the type is not numeric.
void to_floats(const Datatype& type, ByteView raw, std::span<float> out);

/// True where stored elements are float32 values of this machine.
bool is_native_float(const Datatype& type);

}  // namespace smelt::hdf5::internal
