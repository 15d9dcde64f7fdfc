#include "smelt/formats/tflite/tensors.h"

#include "smelt/formats/tflite/quantization.h"
#include "smelt/formats/tflite/sparsity.h"
#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

using flatbuffers::Offset;

DataType read_type(schema::TensorType type) {
  const auto number = static_cast<int>(type);
  if (number < 0 || number >= kDataTypeCount) {
    fail(ErrorKind::unsupported, "element type {} is not known", number);
  }
  return static_cast<DataType>(number);
}

Shape read_shape(const flatbuffers::Vector<int32_t>* dims, Budget& budget) {
  Shape shape(to_vector(dims, budget));
  for (const int32_t size : shape.dims()) {
    if (size < Shape::kUnknown) fail(ErrorKind::bad_file, "axis of size {}", size);
  }
  return shape;
}

size_t alignment_of(DataType type) {
  constexpr size_t kWidest = alignof(double), kStringOffsets = alignof(int32_t);
  const int bits = bit_width(type);
  return bits == 0 ? kStringOffsets : std::clamp<size_t>(static_cast<size_t>(bits) / 8, 1, kWidest);
}

/// Strings are stored as their count, the positions where each begins and the last one ends, and
/// their characters.
void check_strings(ByteView data) {
  ByteReader reader(data);
  const auto count = reader.read<uint32_t>("strings");
  const uint64_t header = (uint64_t{count} + 2) * sizeof(uint32_t);
  if (header > data.size()) {
    fail(ErrorKind::bad_file, "{} strings in {} bytes", count, data.size());
  }
  uint64_t last = header;
  for (uint32_t i = 0; i <= count; ++i) {
    const auto position = reader.read<uint32_t>("strings");
    if (position < last || position > data.size()) {
      fail(ErrorKind::bad_file, "string {} of {} begins at {} of {} bytes", i, count, position,
           data.size());
    }
    last = position;
  }
}

/// What sparse values there are, by their number of bytes.
int64_t stored_values(const Tensor& tensor) {
  const int bits = bit_width(tensor.type);
  return bits == 0 ? 0 : static_cast<int64_t>(tensor.data.size()) * 8 / bits;
}

std::vector<VariantElement> read_variants(const schema::Tensor& from, Budget& budget) {
  std::vector<VariantElement> elements;
  if (from.variant_tensors() == nullptr) return elements;
  for (const schema::VariantSubType* element : *from.variant_tensors()) {
    budget.charge(sizeof(VariantElement));
    elements.push_back({.shape = read_shape(element->shape(), budget),
                        .type = read_type(element->type()),
                        .has_rank = element->has_rank()});
  }
  return elements;
}

Offset<flatbuffers::Vector<Offset<schema::VariantSubType>>> write_variants(
    const std::vector<VariantElement>& elements, SharedPool& pool) {
  if (elements.empty()) return 0;
  std::vector<Offset<schema::VariantSubType>> tables;
  for (const VariantElement& element : elements) {
    const auto shape = pool.vector(element.shape.dims());
    tables.push_back(schema::CreateVariantSubType(
        pool.builder(), shape, static_cast<schema::TensorType>(element.type), element.has_rank));
  }
  return pool.builder().CreateVector(tables);
}

void read_data(const schema::Tensor& from, const StoredBuffer& stored, Tensor& to, Budget& budget) {
  to.data = aligned(stored.data, alignment_of(to.type));
  if (to.data.bytes().data() != stored.data.bytes().data()) budget.charge(to.data.size());
  if (to.type == DataType::string && !to.data.empty()) check_strings(to.data.bytes());
  if (from.sparsity() == nullptr) return;
  Sparsity sparsity = read_sparsity(*from.sparsity(), to.shape, budget);
  if (!to.data.empty()) check_sparsity(sparsity, to.shape, stored_values(to));
  to.sparsity = std::make_shared<const Sparsity>(std::move(sparsity));
}

}  // namespace

const StoredBuffer* buffer_of(const schema::Tensor& tensor, std::span<const StoredBuffer> buffers) {
  const uint32_t index = tensor.buffer();
  if (index == 0) return nullptr;
  if (index >= buffers.size()) {
    fail(ErrorKind::bad_file, "data in buffer {} of {}", index, buffers.size());
  }
  return &buffers[index];
}

bool is_constant(const Tensor& tensor, const StoredBuffer* buffer, bool given) {
  if (!tensor.data.empty()) return true;
  if (!tensor.shape.known() || tensor.shape.elements() != 0) return false;
  return (buffer != nullptr && buffer->present) || !given;
}

Tensor read_tensor(const schema::Tensor& from, std::span<const StoredBuffer> buffers,
                   int32_t tensor_count, Budget& budget) {
  budget.charge(sizeof(Tensor));
  Tensor to;
  to.name = to_string(from.name(), budget);
  auto context = [&] { return to.name.empty() ? std::string("unnamed tensor") : to.name; };
  with_context(context, [&] {
    to.type = read_type(from.type());
    to.shape = read_shape(from.shape(), budget);
    if (from.shape_signature() != nullptr) {
      to.shape_signature = read_shape(from.shape_signature(), budget);
    }
    to.has_rank = from.has_rank();
    to.is_variable = from.is_variable();
    to.external_buffer = from.external_buffer();
    to.variant_elements = read_variants(from, budget);
    if (from.quantization() != nullptr) {
      to.quantization = read_quantization(*from.quantization(), to.shape, tensor_count, budget);
    }
    const StoredBuffer* stored = buffer_of(from, buffers);
    read_data(from, stored == nullptr ? StoredBuffer{} : *stored, to, budget);
  });
  return to;
}

Offset<schema::Tensor> write_tensor(const Tensor& from, bool with_name, uint32_t buffer,
                                    const std::function<int32_t(TensorId)>& index_of,
                                    SharedPool& pool) {
  const auto shape = pool.vector(from.shape.dims());
  Offset<flatbuffers::Vector<int32_t>> signature;
  if (from.shape_signature) signature = pool.vector(from.shape_signature->dims());
  Offset<flatbuffers::String> name;
  if (with_name) name = pool.optional_string(from.name);
  const auto quantization = write_quantization(from.quantization, index_of, pool);
  Offset<schema::SparsityParameters> sparsity;
  if (from.sparsity) sparsity = write_sparsity(*from.sparsity, pool);
  const auto variants = write_variants(from.variant_elements, pool);
  return schema::CreateTensor(pool.builder(), shape, static_cast<schema::TensorType>(from.type),
                              buffer, name, quantization, from.is_variable, sparsity, signature,
                              from.has_rank, variants, from.external_buffer);
}

}  // namespace smelt::tflite
