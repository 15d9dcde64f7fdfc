#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "smelt/formats/hdf5/image.h"

namespace smelt::hdf5::internal {

/// Calls `visit(key, child)` for every leaf entry of a version 1 tree, in order. `node_type` is 0
/// for group entries and 1 for chunks; `key_size` counts the bytes of a key.
void visit_btree1(const Image& image, uint64_t address, uint8_t node_type, size_t key_size,
                  const std::function<void(Cursor key, uint64_t child)>& visit);

/// A version 2 tree: records of one size, of which the type says what they hold.
class BTree2 {
 public:
  BTree2(const Image& image, uint64_t address, std::string_view what);

  uint8_t record_type() const { return type_; }

  /// Calls `visit` for every record, in order.
  void visit(const std::function<void(Cursor record)>& visit) const;

 private:
  struct Node {
    uint64_t address;
    uint64_t records;
    int depth;
  };
  struct Level {
    uint64_t max_records = 0;
    int total_bytes = 0;  ///< width of "records below" in pointers to nodes of this level
  };

  void visit_node(const Node& node, Visited& visited,
                  const std::function<void(Cursor)>& visit) const;
  void plan_levels();

  const Image& image_;
  std::string_view what_;
  uint8_t type_ = 0;
  uint32_t node_size_ = 0;
  uint16_t record_size_ = 0;
  int depth_ = 0;
  uint64_t root_ = kUndefined;
  uint64_t root_records_ = 0;
  int count_bytes_ = 1;  ///< width of "records in that node" in pointers
  std::vector<Level> levels_;
};

}  // namespace smelt::hdf5::internal
