#pragma once

#include <memory>
#include <span>
#include <vector>

#include "smelt/data/array.h"
#include "smelt/data/random_access_file.h"

namespace smelt {

/// An array [N, ...] of which ranges of rows are read: from a file, of which nothing is kept in
/// memory, or from a block in memory. A scalar is one row. Copies share the source; all reads are
/// thread-safe.
class Rows {
 public:
  /// The values of `type` (see is_data_type) that stand densely, in C order and little-endian, at
  /// `offset` of the file. bad_file where they do not fit into the file.
  Rows(std::shared_ptr<const RandomAccessFile> file, uint64_t offset, DataType type, Shape shape);
  explicit Rows(Array array);

  DataType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  int64_t count() const { return count_; }
  /// The shape without its first axis.
  Shape row_shape() const;
  int64_t row_elements() const { return row_elements_; }
  size_t row_bytes() const { return row_bytes_; }

  /// Rows [first, first + count) as stored, valid until the next use of `scratch` or the end of
  /// this object; `scratch` is used only where the rows come from a file.
  ByteView view(int64_t first, int64_t count, std::vector<uint8_t>& scratch) const;

  /// The same copied; into.size() must be count * row_bytes().
  void read(int64_t first, int64_t count, std::span<uint8_t> into) const;

  /// The same as floats; into.size() must be count * row_elements().
  void read_float(int64_t first, int64_t count, std::span<float> into) const;

  Array read_all() const;

  /// The same bytes under another shape of equal size.
  Rows with_shape(Shape shape) const;

 private:
  void set_shape(Shape shape);

  DataType type_;
  Shape shape_;
  int64_t count_ = 0;
  int64_t row_elements_ = 0;
  size_t row_bytes_ = 0;
  std::shared_ptr<const RandomAccessFile> file_;  ///< null where the rows are in memory
  uint64_t offset_ = 0;
  Buffer memory_;
};

}  // namespace smelt
