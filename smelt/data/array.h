#pragma once

#include "smelt/ir/buffer.h"
#include "smelt/ir/data_type.h"
#include "smelt/ir/shape.h"

namespace smelt {

/// A dense array in C order: `data` holds shape.elements() values of `type`, little-endian.
struct Array {
  DataType type = DataType::float32;
  Shape shape;
  Buffer data;

  bool operator==(const Array&) const = default;
};

}  // namespace smelt
