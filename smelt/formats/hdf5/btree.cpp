#include "smelt/formats/hdf5/btree.h"

namespace smelt::hdf5::internal {
namespace {

struct Tree1 {
  const Image& image;
  uint8_t node_type;
  size_t key_size;
  const std::function<void(Cursor, uint64_t)>& visit;
  Visited visited;

  void walk(uint64_t address, int level) {
    visited.add(address, "tree node");
    Cursor in = image.at(address, "tree node");
    in.signature("TREE");
    if (in.u8() != node_type) fail(ErrorKind::bad_file, "tree node of the wrong kind");
    const int found_level = in.u8();
    if (level >= 0 && found_level != level) fail(ErrorKind::bad_file, "tree levels are mixed up");
    const uint16_t entries = in.u16();
    in.address();  // siblings
    in.address();
    image.charge(24 + entries * (key_size + 8));
    for (int i = 0; i < entries; ++i) {
      const ByteView key = in.take(key_size);
      const uint64_t child = in.address();
      if (found_level > 0) {
        walk(child, found_level - 1);
      } else {
        visit(Cursor(image, key, "tree key"), child);
      }
    }
  }
};

constexpr uint64_t kNodeOverhead = 10;  // signature, version, type, checksum

}  // namespace

void visit_btree1(const Image& image, uint64_t address, uint8_t node_type, size_t key_size,
                  const std::function<void(Cursor key, uint64_t child)>& visit) {
  Tree1{image, node_type, key_size, visit, {}}.walk(address, -1);
}

BTree2::BTree2(const Image& image, uint64_t address, std::string_view what)
    : image_(image), what_(what) {
  Cursor in = image.at(address, what);
  in.signature("BTHD");
  in.version(0, 0);
  type_ = in.u8();
  node_size_ = in.u32();
  record_size_ = in.u16();
  depth_ = in.u16();
  in.skip(2);  // percentages of splitting and merging
  root_ = in.address();
  root_records_ = in.u16();
  constexpr int kMaxDepth = 16;
  if (record_size_ == 0 || node_size_ < kNodeOverhead + record_size_ || depth_ > kMaxDepth) {
    fail(ErrorKind::bad_file, "{}: impossible node size", what);
  }
  plan_levels();
}

void BTree2::plan_levels() {
  uint64_t max_below = (node_size_ - kNodeOverhead) / record_size_;
  levels_.push_back({max_below, 0});
  count_bytes_ = bytes_for(max_below);
  for (int level = 1; level <= depth_; ++level) {
    const uint64_t pointer = static_cast<uint64_t>(image_.offset_size) +
                             static_cast<uint64_t>(count_bytes_) +
                             static_cast<uint64_t>(levels_.back().total_bytes);
    if (node_size_ < kNodeOverhead + pointer + record_size_ + pointer) {
      fail(ErrorKind::bad_file, "{}: impossible node size", what_);
    }
    const uint64_t records = (node_size_ - kNodeOverhead - pointer) / (record_size_ + pointer);
    if (max_below > (uint64_t{1} << 62) / (records + 2)) {
      fail(ErrorKind::bad_file, "{}: impossible depth", what_);
    }
    max_below = (records + 1) * max_below + records;
    levels_.push_back({records, bytes_for(max_below)});
  }
}

void BTree2::visit(const std::function<void(Cursor record)>& visit) const {
  if (root_ == kUndefined || root_records_ == 0) return;
  Visited visited;
  visit_node({root_, root_records_, depth_}, visited, visit);
}

void BTree2::visit_node(const Node& node, Visited& visited,
                        const std::function<void(Cursor)>& visit) const {
  visited.add(node.address, what_);
  image_.charge(node_size_);
  Cursor in = image_.at(node.address, node_size_, what_);
  in.signature(node.depth > 0 ? "BTIN" : "BTLF");
  in.version(0, 0);
  if (in.u8() != type_ || node.records > levels_[static_cast<size_t>(node.depth)].max_records) {
    fail(ErrorKind::bad_file, "{}: node does not fit its tree", what_);
  }
  const ByteView records = in.take(node.records * record_size_);
  const auto record = [&](uint64_t i) {
    return Cursor(image_, records.subspan(i * record_size_, record_size_), what_);
  };
  if (node.depth == 0) {
    for (uint64_t i = 0; i < node.records; ++i) visit(record(i));
    return;
  }
  const int total_bytes = levels_[static_cast<size_t>(node.depth - 1)].total_bytes;
  for (uint64_t i = 0; i <= node.records; ++i) {
    const uint64_t child = in.address();
    const uint64_t count = in.uint(count_bytes_);
    in.uint(total_bytes);
    visit_node({child, count, node.depth - 1}, visited, visit);
    if (i < node.records) visit(record(i));
  }
}

}  // namespace smelt::hdf5::internal
