#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "smelt/formats/hdf5/image.h"

namespace smelt::hdf5::internal {

/// Link names of a group of the old style.
class LocalHeap {
 public:
  LocalHeap(const Image& image, uint64_t address);

  /// The text at `offset`, up to its zero byte.
  std::string_view text(uint64_t offset) const;

 private:
  ByteView data_;
};

/// Values of variable length. Collections are read once and kept.
class GlobalHeap {
 public:
  explicit GlobalHeap(const Image& image) : image_(image) {}

  ByteView object(uint64_t collection, uint32_t index);

 private:
  using Collection = std::map<uint32_t, ByteView>;
  Collection read_collection(uint64_t address) const;

  const Image& image_;
  std::map<uint64_t, Collection> collections_;
};

/// Links and attributes of groups of the new style, addressed by ids of a few bytes. Blocks double
/// in size from row to row of a table; rows of large blocks hold further tables.
class FractalHeap {
 public:
  FractalHeap(const Image& image, uint64_t address);

  size_t id_size() const { return id_size_; }

  /// The object with that id (`id_size` bytes).
  ByteView object(ByteView id) const;

 private:
  ByteView managed(uint64_t offset, uint64_t size) const;
  ByteView in_table(uint64_t table, uint64_t rows, uint64_t offset, uint64_t size) const;
  ByteView huge(ByteView id) const;
  uint64_t row_block_size(uint64_t row) const;

  const Image& image_;
  size_t id_size_ = 0;
  int offset_bytes_ = 0;  ///< of an offset within the heap, in ids and blocks
  int length_bytes_ = 0;
  uint64_t width_ = 0;  ///< blocks per row
  uint64_t start_block_ = 0;
  uint64_t max_direct_block_ = 0;
  uint64_t root_ = kUndefined;
  uint64_t root_rows_ = 0;  ///< 0: the root is a block of data, not a table
  uint64_t huge_tree_ = kUndefined;
};

}  // namespace smelt::hdf5::internal
