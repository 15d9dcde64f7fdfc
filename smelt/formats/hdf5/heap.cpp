#include "smelt/formats/hdf5/heap.h"

#include <algorithm>
#include <bit>

#include "smelt/formats/hdf5/btree.h"

namespace smelt::hdf5::internal {

LocalHeap::LocalHeap(const Image& image, uint64_t address) {
  Cursor in = image.at(address, "local heap");
  in.signature("HEAP");
  in.version(0, 0);
  in.skip(3);
  const uint64_t size = in.length();
  in.length();  // free list
  data_ = image.span(in.address(), size, "local heap");
}

std::string_view LocalHeap::text(uint64_t offset) const {
  if (offset >= data_.size()) fail(ErrorKind::bad_file, "a link name lies outside of its heap");
  const ByteView rest = data_.subspan(offset);
  const auto end = std::find(rest.begin(), rest.end(), 0);
  return {reinterpret_cast<const char*>(rest.data()), static_cast<size_t>(end - rest.begin())};
}

ByteView GlobalHeap::object(uint64_t collection, uint32_t index) {
  auto found = collections_.find(collection);
  if (found == collections_.end()) {
    found = collections_.emplace(collection, read_collection(collection)).first;
  }
  const auto object = found->second.find(index);
  if (object == found->second.end()) {
    fail(ErrorKind::bad_file, "global heap at {} has no object {}", collection, index);
  }
  return object->second;
}

GlobalHeap::Collection GlobalHeap::read_collection(uint64_t address) const {
  Cursor head = image_.at(address, "global heap");
  head.signature("GCOL");
  head.version(1, 1);
  head.skip(3);
  const uint64_t size = head.length();
  image_.charge(size);
  Cursor in = image_.at(address, size, "global heap");
  in.skip(head.position());
  Collection objects;
  const size_t prefix = 8 + static_cast<size_t>(image_.length_size);
  while (in.remaining() >= prefix) {
    const uint16_t index = in.u16();
    in.skip(6);  // reference count, reserved
    const uint64_t length = in.length();
    if (index == 0) break;  // the free space at the end
    objects[index] = in.take(length);
    in.align(8);
  }
  return objects;
}

FractalHeap::FractalHeap(const Image& image, uint64_t address) : image_(image) {
  Cursor in = image.at(address, "fractal heap");
  in.signature("FRHP");
  in.version(0, 0);
  id_size_ = in.u16();
  if (in.u16() != 0) fail(ErrorKind::unsupported, "the file compresses its link tables");
  in.skip(1);  // flags
  const uint32_t max_managed = in.u32();
  in.length();  // next huge id
  huge_tree_ = in.address();
  in.length();  // free space
  in.address();
  for (int i = 0; i < 8; ++i) in.length();  // counts and sizes of objects
  width_ = in.u16();
  start_block_ = in.length();
  max_direct_block_ = in.length();
  const uint16_t offset_bits = in.u16();
  in.skip(2);
  root_ = in.address();
  root_rows_ = in.u16();
  if (!std::has_single_bit(width_) || width_ > 1024 || !std::has_single_bit(start_block_) ||
      !std::has_single_bit(max_direct_block_) || max_direct_block_ < start_block_ ||
      max_direct_block_ > (uint64_t{1} << 32) || offset_bits == 0 || offset_bits > 64 ||
      max_managed == 0 || root_rows_ > 64) {
    fail(ErrorKind::bad_file, "fractal heap: impossible block sizes");
  }
  offset_bytes_ = (offset_bits + 7) / 8;
  const int direct_bits = std::countr_zero(max_direct_block_);
  length_bytes_ = std::min((direct_bits + 7) / 8, bytes_for(max_managed));
}

ByteView FractalHeap::object(ByteView id) const {
  Cursor in(image_, id, "heap id");
  const uint8_t head = in.u8();
  if (head >> 6 != 0) fail(ErrorKind::unsupported, "heap id has version {}", head >> 6);
  switch (head >> 4 & 3) {
    case 0: {
      const uint64_t offset = in.uint(offset_bytes_);
      return managed(offset, in.uint(length_bytes_));
    }
    case 1:
      return huge(id.subspan(1));
    case 2:
      return in.take((head & 15) + 1);
    default:
      fail(ErrorKind::bad_file, "heap id of an unknown kind");
  }
}

ByteView FractalHeap::managed(uint64_t offset, uint64_t size) const {
  if (root_rows_ > 0) return in_table(root_, root_rows_, offset, size);
  if (!in_range(offset, size, start_block_)) {
    fail(ErrorKind::bad_file, "a heap object lies outside of its block");
  }
  return image_.span(root_, start_block_, "heap block").subspan(offset, size);
}

uint64_t FractalHeap::row_block_size(uint64_t row) const {
  const uint64_t doublings = row == 0 ? 0 : row - 1;
  if (std::bit_width(start_block_) + static_cast<int>(doublings) > 60) {
    fail(ErrorKind::bad_file, "fractal heap: too many rows");
  }
  return start_block_ << doublings;
}

/// Walks down: the entry that covers `offset` is a block of data or another table, whose own rows
/// cover exactly the size of that entry.
ByteView FractalHeap::in_table(uint64_t table, uint64_t rows, uint64_t offset,
                               uint64_t size) const {
  constexpr int kMaxDepth = 16;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    uint64_t row = 0;
    while (row < rows && offset >= width_ * row_block_size(row)) {
      offset -= width_ * row_block_size(row);
      ++row;
    }
    if (row == rows) fail(ErrorKind::bad_file, "a heap object lies outside of its heap");
    const uint64_t block_size = row_block_size(row);
    const uint64_t entry = row * width_ + offset / block_size;
    offset %= block_size;
    Cursor in = image_.at(table, "heap table");
    in.signature("FHIB");
    in.version(0, 0);
    in.address();
    in.skip(static_cast<uint64_t>(offset_bytes_));
    in.skip(entry * static_cast<uint64_t>(image_.offset_size));
    const uint64_t child = in.address();
    if (block_size <= max_direct_block_) {
      if (!in_range(offset, size, block_size)) {
        fail(ErrorKind::bad_file, "a heap object lies outside of its block");
      }
      return image_.span(child, block_size, "heap block").subspan(offset, size);
    }
    table = child;
    const uint64_t first_row = width_ * start_block_;  // rows 0 and 1 have the same size
    rows =
        block_size < first_row ? 0 : static_cast<uint64_t>(std::bit_width(block_size / first_row));
  }
  fail(ErrorKind::bad_file, "fractal heap: tables nest too deeply");
}

/// Objects too large for a block lie anywhere in the file; a tree finds them by number.
ByteView FractalHeap::huge(ByteView id) const {
  const int width = static_cast<int>(std::min<size_t>(id_size_ - 1, 8));
  const uint64_t number = Cursor(image_, id, "heap id").uint(width);
  const BTree2 tree(image_, huge_tree_, "tree of large objects");
  if (tree.record_type() != 1) {
    fail(ErrorKind::unsupported, "large attributes are filtered or addressed directly");
  }
  std::optional<ByteView> found;
  tree.visit([&](Cursor record) {
    const uint64_t address = record.address();
    const uint64_t size = record.length();
    if (record.length() == number) found = image_.span(address, size, "large attribute");
  });
  if (!found) fail(ErrorKind::bad_file, "a large attribute is missing");
  return *found;
}

}  // namespace smelt::hdf5::internal
