#include "smelt/data/rows.h"

#include "smelt/data/convert.h"

namespace smelt {

Rows::Rows(std::shared_ptr<const RandomAccessFile> file, uint64_t offset, DataType type,
           Shape shape)
    : type_(type), file_(std::move(file)), offset_(offset) {
  set_shape(std::move(shape));
  const auto bytes = static_cast<uint64_t>(storage_bytes(type_, shape_.elements()));
  if (!in_range(offset_, bytes, file_->size())) {
    fail(ErrorKind::bad_file, "{} ends early: {} {} takes {} bytes at offset {}, the file has {}",
         file_->path().string(), name(type_), to_string(shape_), bytes, offset_, file_->size());
  }
}

Rows::Rows(Array array) : type_(array.type), memory_(std::move(array.data)) {
  set_shape(std::move(array.shape));
  SMELT_CHECK(static_cast<uint64_t>(storage_bytes(type_, shape_.elements())) == memory_.size());
}

void Rows::set_shape(Shape shape) {
  SMELT_CHECK(is_data_type(type_));
  shape_ = std::move(shape);
  count_ = shape_.rank() == 0 ? 1 : shape_[0];
  row_elements_ = shape_.rank() == 0 ? 1 : shape_.elements(1, shape_.rank());
  row_bytes_ = static_cast<size_t>(storage_bytes(type_, row_elements_));
  storage_bytes(type_, checked_mul(count_, row_elements_, "number of elements of an array"));
}

Shape Rows::row_shape() const {
  if (shape_.rank() == 0) return {};
  return Shape(std::vector<int32_t>(shape_.dims().begin() + 1, shape_.dims().end()));
}

ByteView Rows::view(int64_t first, int64_t count, std::vector<uint8_t>& scratch) const {
  SMELT_CHECK(first >= 0 && count >= 0 && first <= count_ && count <= count_ - first);
  const size_t begin = static_cast<size_t>(first) * row_bytes_;
  const size_t size = static_cast<size_t>(count) * row_bytes_;
  if (file_ == nullptr) return memory_.bytes().subspan(begin, size);
  if (scratch.size() < size) scratch.resize(size);
  const std::span<uint8_t> into(scratch.data(), size);
  file_->read_at(offset_ + begin, into, "an array");
  return into;
}

void Rows::read(int64_t first, int64_t count, std::span<uint8_t> into) const {
  SMELT_CHECK(first >= 0 && count >= 0 && first <= count_ && count <= count_ - first);
  SMELT_CHECK(into.size() == static_cast<size_t>(count) * row_bytes_);
  if (into.empty()) return;
  const size_t begin = static_cast<size_t>(first) * row_bytes_;
  if (file_ != nullptr) {
    file_->read_at(offset_ + begin, into, "an array");
  } else {
    std::memcpy(into.data(), memory_.bytes().data() + begin, into.size());
  }
}

void Rows::read_float(int64_t first, int64_t count, std::span<float> into) const {
  SMELT_CHECK(into.size() == static_cast<size_t>(count * row_elements_));
  if (type_ == DataType::float32) {  // no conversion: straight from the file into place
    return read(first, count, {reinterpret_cast<uint8_t*>(into.data()), into.size_bytes()});
  }
  thread_local std::vector<uint8_t> scratch;
  to_float(type_, view(first, count, scratch), into);
}

Array Rows::read_all() const {
  if (file_ == nullptr) return {type_, shape_, memory_};
  std::span<uint8_t> into;
  Array array{type_, shape_, allocate_buffer(static_cast<size_t>(count_) * row_bytes_, into)};
  read(0, count_, into);
  return array;
}

Rows Rows::with_shape(Shape shape) const {
  Rows other = *this;
  other.set_shape(std::move(shape));
  SMELT_CHECK(other.shape_.elements() == shape_.elements());
  return other;
}

}  // namespace smelt
