#pragma once

#include "smelt/formats/tflite/budget.h"
#include "smelt/formats/tflite/shared_pool.h"
#include "smelt/ir/attributes.h"

namespace smelt::tflite {
namespace schema {
struct Operator;
}

/// The options of a builtin operator as typed attributes. A table of another kind than the operator
/// uses is kept as OpaqueAttributes, tables without fields say nothing and are dropped, and where
/// no table is, the attributes are what runtimes assume then: zeros.
Attributes read_attributes(OpType type, const schema::Operator& op, Budget& budget);

/// Option tables that stand in the builder, for the two unions of an Operator.
struct WrittenOptions {
  uint8_t kind = 0;
  flatbuffers::Offset<void> table;
  uint8_t kind_2 = 0;
  flatbuffers::Offset<void> table_2;
};

/// The tables for attributes that fit `type` (anything but CustomAttributes).
WrittenOptions write_attributes(OpType type, const Attributes& attributes, SharedPool& pool);

}  // namespace smelt::tflite
