#include "smelt/formats/tensorflow/tensor_proto.h"

#include <algorithm>

#include "smelt/base/half.h"

namespace smelt::tensorflow {
namespace {

constexpr int32_t kReference = 100;

struct TypeRow {
  TfType type;
  std::string_view name;
  std::string_view short_name;
  int bytes;
  std::optional<DataType> here;
};

constexpr TypeRow kTypes[] = {
    {TfType::float32, "DT_FLOAT", "float32", 4, DataType::float32},
    {TfType::float64, "DT_DOUBLE", "float64", 8, DataType::float32},
    {TfType::int32, "DT_INT32", "int32", 4, DataType::int32},
    {TfType::uint8, "DT_UINT8", "uint8", 1, DataType::uint8},
    {TfType::int16, "DT_INT16", "int16", 2, DataType::int16},
    {TfType::int8, "DT_INT8", "int8", 1, DataType::int8},
    {TfType::string, "DT_STRING", "string", 0, std::nullopt},
    {TfType::complex64, "DT_COMPLEX64", "complex64", 8, DataType::complex64},
    {TfType::int64, "DT_INT64", "int64", 8, DataType::int64},
    {TfType::boolean, "DT_BOOL", "bool", 1, DataType::boolean},
    {TfType::bfloat16, "DT_BFLOAT16", "bfloat16", 2, DataType::float32},
    {TfType::uint16, "DT_UINT16", "uint16", 2, DataType::uint16},
    {TfType::complex128, "DT_COMPLEX128", "complex128", 16, std::nullopt},
    {TfType::float16, "DT_HALF", "float16", 2, DataType::float32},
    {TfType::resource, "DT_RESOURCE", "resource", 0, std::nullopt},
    {TfType::variant, "DT_VARIANT", "variant", 0, std::nullopt},
    {TfType::uint32, "DT_UINT32", "uint32", 4, DataType::uint32},
    {TfType::uint64, "DT_UINT64", "uint64", 8, DataType::uint64},
};

const TypeRow* find_type(int32_t type) {
  if (type > kReference) type -= kReference;
  for (const TypeRow& row : kTypes) {
    if (static_cast<int32_t>(row.type) == type) return &row;
  }
  return nullptr;
}

template <class Stored, class Convert>
Buffer to_float(ByteView bytes, Convert&& convert) {
  const size_t count = bytes.size() / sizeof(Stored);
  return Buffer::make(count * sizeof(float), [&](std::span<uint8_t> out) {
    for (size_t i = 0; i < count; ++i) {
      Stored stored;
      std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
      const float value = convert(stored);
      std::memcpy(out.data() + i * sizeof(float), &value, sizeof(float));
    }
  });
}

/// The values of a list, of which the last one repeats; no values at all mean zeros.
template <class To, class List>
Tensor from_list(std::string name, Shape shape, DataType type, const List& list) {
  const int64_t count = shape.elements();
  if (list.size() > count) fail(ErrorKind::bad_file, "{} holds more values than its shape", name);
  Tensor tensor{.name = std::move(name), .type = type, .shape = std::move(shape)};
  tensor.is_constant = true;
  tensor.data = Buffer::make(static_cast<size_t>(count) * sizeof(To), [&](std::span<uint8_t> out) {
    To value{};
    for (int64_t i = 0; i < count; ++i) {
      if (i < list.size()) value = static_cast<To>(list.Get(static_cast<int>(i)));
      std::memcpy(out.data() + static_cast<size_t>(i) * sizeof(To), &value, sizeof(To));
    }
  });
  return tensor;
}

/// float16 and bfloat16 are stored as their bits.
Tensor from_halves(std::string name, Shape shape, const proto::TensorProto& message, bool brain) {
  google::protobuf::RepeatedField<float> values;
  for (const int32_t bits : message.half_val()) {
    const auto half = static_cast<uint16_t>(bits);
    values.Add(brain ? bfloat16_to_float(half) : half_to_float(half));
  }
  return from_list<float>(std::move(name), std::move(shape), DataType::float32, values);
}

}  // namespace

std::string tf_type_name(int32_t type) {
  const TypeRow* row = find_type(type);
  return row != nullptr ? std::string(row->name) : fmt::format("type {}", type);
}

TfType tf_type_from_name(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name || row.short_name == name) return row.type;
  }
  return TfType::invalid;
}

DataType data_type(int32_t tf_type) {
  const TypeRow* row = find_type(tf_type);
  if (row == nullptr || !row->here) {
    fail(ErrorKind::unsupported, "values of {} are not supported", tf_type_name(tf_type));
  }
  return *row->here;
}

int64_t stored_bytes(int32_t tf_type) {
  const TypeRow* row = find_type(tf_type);
  return row == nullptr ? 0 : row->bytes;
}

std::vector<int64_t> dims(const proto::TensorShapeProto& shape) {
  constexpr int kMaxRank = 8;
  constexpr int64_t kMaxSize = (int64_t{1} << 31) - 1;
  if (shape.dim_size() > kMaxRank) {
    fail(ErrorKind::unsupported, "shapes of {} axes are not supported", shape.dim_size());
  }
  std::vector<int64_t> sizes;
  for (const auto& dim : shape.dim()) {
    if (dim.size() < -1 || dim.size() > kMaxSize) {
      fail(ErrorKind::bad_file, "a shape has an axis of size {}", dim.size());
    }
    sizes.push_back(dim.size());
  }
  return sizes;
}

Shape static_shape(const proto::TensorShapeProto& shape) {
  std::vector<int32_t> sizes;
  for (const int64_t size : dims(shape)) sizes.push_back(static_cast<int32_t>(size));
  Shape result(std::move(sizes));
  if (!result.known()) fail(ErrorKind::bad_file, "shape {} is open", to_string(result));
  return result;
}

Tensor tensor_from_bytes(std::string name, int32_t tf_type, Shape shape, ByteView bytes,
                         std::shared_ptr<const void> owner) {
  const int64_t size = checked_mul(shape.elements(), stored_bytes(tf_type), name);
  Tensor tensor{.name = std::move(name), .type = data_type(tf_type), .shape = std::move(shape)};
  if (size != static_cast<int64_t>(bytes.size())) {
    fail(ErrorKind::bad_file, "{} {} needs {} bytes and has {}", tensor.name,
         to_string(tensor.shape), size, bytes.size());
  }
  tensor.is_constant = true;
  const auto type = static_cast<TfType>(tf_type > kReference ? tf_type - kReference : tf_type);
  if (type == TfType::float64) {
    tensor.data = to_float<double>(bytes, [](double value) { return static_cast<float>(value); });
  } else if (type == TfType::float16) {
    tensor.data = to_float<uint16_t>(bytes, half_to_float);
  } else if (type == TfType::bfloat16) {
    tensor.data = to_float<uint16_t>(bytes, bfloat16_to_float);
  } else if (owner && reinterpret_cast<uintptr_t>(bytes.data()) % 8 == 0) {
    tensor.data = Buffer::view(bytes, std::move(owner));
  } else {
    tensor.data = Buffer::copy_of(bytes);
  }
  return tensor;
}

Tensor read_tensor(std::string name, const proto::TensorProto& message) {
  Shape shape = static_shape(message.tensor_shape());
  const DataType type = data_type(message.dtype());
  constexpr int64_t kMaxSplat = int64_t{1} << 24;
  const auto& content = message.tensor_content();
  if (!content.empty()) {
    return tensor_from_bytes(std::move(name), message.dtype(), std::move(shape), as_bytes(content),
                             nullptr);
  }
  // The size is the file's word alone: one stored value may stand for any number.
  if (shape.elements() > kMaxSplat) {
    fail(ErrorKind::unsupported, "{} {} is too large", name, to_string(shape));
  }
  switch (static_cast<TfType>(message.dtype())) {
    case TfType::float32:
      return from_list<float>(std::move(name), std::move(shape), type, message.float_val());
    case TfType::float64:
      return from_list<float>(std::move(name), std::move(shape), type, message.double_val());
    case TfType::float16:
      return from_halves(std::move(name), std::move(shape), message, false);
    case TfType::bfloat16:
      return from_halves(std::move(name), std::move(shape), message, true);
    case TfType::int32:
      return from_list<int32_t>(std::move(name), std::move(shape), type, message.int_val());
    case TfType::int16:
    case TfType::uint16:
      return from_list<uint16_t>(std::move(name), std::move(shape), type, message.int_val());
    case TfType::int8:
    case TfType::uint8:
      return from_list<uint8_t>(std::move(name), std::move(shape), type, message.int_val());
    case TfType::int64:
      return from_list<int64_t>(std::move(name), std::move(shape), type, message.int64_val());
    case TfType::boolean:
      return from_list<uint8_t>(std::move(name), std::move(shape), type, message.bool_val());
    case TfType::uint32:
      return from_list<uint32_t>(std::move(name), std::move(shape), type, message.uint32_val());
    case TfType::uint64:
      return from_list<uint64_t>(std::move(name), std::move(shape), type, message.uint64_val());
    default:
      fail(ErrorKind::unsupported, "constants of {} are not supported",
           tf_type_name(message.dtype()));
  }
}

}  // namespace smelt::tensorflow
