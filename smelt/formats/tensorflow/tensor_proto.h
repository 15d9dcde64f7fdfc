#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "smelt/formats/tensorflow/proto.h"
#include "smelt/ir/tensor.h"

namespace smelt::tensorflow {

/// TensorFlow's DataType numbers (types.proto); a reference (TF 1 variables) is 100 more.
enum class TfType : int32_t {
  invalid = 0,
  float32 = 1,
  float64 = 2,
  int32 = 3,
  uint8 = 4,
  int16 = 5,
  int8 = 6,
  string = 7,
  complex64 = 8,
  int64 = 9,
  boolean = 10,
  qint8 = 11,
  quint8 = 12,
  qint32 = 13,
  bfloat16 = 14,
  uint16 = 17,
  complex128 = 18,
  float16 = 19,
  resource = 20,
  variant = 21,
  uint32 = 22,
  uint64 = 23,
};

/// "DT_FLOAT" as TensorFlow spells it, or its number.
std::string tf_type_name(int32_t type);
/// The number behind "DT_FLOAT" or "float32"; invalid where there is none.
TfType tf_type_from_name(std::string_view name);

/// The type that a value has in the imported graph: float16, bfloat16 and float64 are computed as
/// float32. unsupported, naming it, for what has no values here.
DataType data_type(int32_t tf_type);

/// Bytes of one element as TensorFlow stores it; 0 for strings, resources and variants.
int64_t stored_bytes(int32_t tf_type);

/// The sizes of a shape, -1 for open axes. bad_file for absurd ones. unsupported for rank > 8.
std::vector<int64_t> dims(const proto::TensorShapeProto& shape);
/// A shape that has no open axes.
Shape static_shape(const proto::TensorShapeProto& shape);

/// A constant of `tf_type` made from its dense bytes (little endian); converted where data_type
/// differs. `owner` keeps the bytes alive: the tensor may be a view of them.
Tensor tensor_from_bytes(std::string name, int32_t tf_type, Shape shape, ByteView bytes,
                         std::shared_ptr<const void> owner);

/// The constant in a message.
Tensor read_tensor(std::string name, const proto::TensorProto& message);

}  // namespace smelt::tensorflow
