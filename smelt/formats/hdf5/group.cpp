#include "smelt/formats/hdf5/group.h"

#include <algorithm>

#include "smelt/formats/hdf5/btree.h"
#include "smelt/formats/hdf5/hdf5.h"
#include "smelt/formats/hdf5/heap.h"

namespace smelt::hdf5 {
namespace internal {
namespace {

/// The old style: a tree of symbol nodes, names in a heap.
void read_symbol_table(const Image& image, Cursor in, std::vector<Link>& links) {
  const uint64_t tree = in.address();
  const LocalHeap heap(image, in.address());
  Visited visited;
  const auto read_node = [&](Cursor, uint64_t address) {
    visited.add(address, "symbol node");
    Cursor node = image.at(address, "symbol node");
    node.signature("SNOD");
    node.version(1, 1);
    node.skip(1);
    const uint16_t count = node.u16();
    image.charge(8 + count * (2 * static_cast<uint64_t>(image.offset_size) + 24));
    for (int i = 0; i < count; ++i) {
      const uint64_t name = node.uint(image.offset_size);
      const uint64_t target = node.address();
      const uint32_t cached = node.u32();
      constexpr uint32_t kSoftLink = 2;
      node.skip(4 + 16);
      links.push_back({std::string(heap.text(name)), cached == kSoftLink ? kUndefined : target});
    }
  };
  visit_btree1(image, tree, 0, static_cast<size_t>(image.length_size), read_node);
}

Link read_link(Cursor in) {
  in.version(1, 1);
  const uint8_t flags = in.u8();
  const uint8_t type = flags & 8 ? in.u8() : 0;
  if (flags & 4) in.skip(8);   // creation order
  if (flags & 16) in.skip(1);  // character set
  const ByteView name = in.take(in.uint(1 << (flags & 3)));
  Link link{.name = {reinterpret_cast<const char*>(name.data()), name.size()}};
  if (type == 0) link.address = in.address();
  return link;
}

/// The new style with many links: a heap of link messages, listed by a tree.
void read_dense_links(const Image& image, Cursor in, std::vector<Link>& links) {
  in.version(0, 0);
  const uint8_t flags = in.u8();
  if (flags & 1) in.skip(8);
  const uint64_t heap_address = in.address();
  const uint64_t tree_address = in.address();
  if (heap_address == kUndefined) return;
  const FractalHeap heap(image, heap_address);
  const BTree2 tree(image, tree_address, "tree of links");
  if (tree.record_type() != 5) fail(ErrorKind::bad_file, "tree of links is of the wrong kind");
  tree.visit([&](Cursor record) {
    record.skip(4);  // hash of the name
    const ByteView message = heap.object(record.take(heap.id_size()));
    links.push_back(read_link(Cursor(image, message, "link")));
  });
}

}  // namespace

std::vector<Link> read_links(const ObjectHeader& header) {
  const Image& image = *header.image;
  std::vector<Link> links;
  if (header.find(MessageType::symbol_table) != nullptr) {
    read_symbol_table(image, header.read(MessageType::symbol_table, "symbol table"), links);
  } else if (header.find(MessageType::link_info) != nullptr) {
    for (const Message& message : header.messages) {
      if (message.type != MessageType::link) continue;
      links.push_back(read_link(Cursor(image, message.data, "link")));
    }
    read_dense_links(image, header.read(MessageType::link_info, "link information"), links);
  } else {
    fail(ErrorKind::bad_file, "not a group");
  }
  std::sort(links.begin(), links.end(),
            [](const Link& a, const Link& b) { return a.name < b.name; });
  return links;
}

}  // namespace internal

using internal::Link;

Group::Group(std::shared_ptr<const internal::ObjectHeader> header)
    : Object(std::move(header)),
      links_(std::make_shared<std::vector<Link>>(internal::read_links(*header_))) {}

std::vector<std::string> Group::children() const {
  std::vector<std::string> names;
  for (const Link& link : *links_) names.push_back(link.name);
  return names;
}

const Link* Group::find_link(std::string_view name) const {
  const auto found = std::lower_bound(links_->begin(), links_->end(), name,
                                      [](const Link& l, std::string_view n) { return l.name < n; });
  return found != links_->end() && found->name == name ? &*found : nullptr;
}

std::shared_ptr<const internal::ObjectHeader> Group::find(std::string_view path) const {
  Group group = *this;
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    const Link* link = group.find_link(name);
    if (link == nullptr) return nullptr;
    if (link->address == internal::kUndefined) {
      fail(ErrorKind::unsupported, "\"{}\" is a soft or external link", name);
    }
    auto header = std::make_shared<internal::ObjectHeader>(
        internal::read_object_header(header_->image, link->address));
    if (slash == std::string_view::npos) return header;
    path.remove_prefix(slash + 1);
    group = Group(std::move(header));
  }
}

bool Group::contains(std::string_view path) const { return find(path) != nullptr; }

bool Group::is_dataset(std::string_view path) const {
  const auto header = find(path);
  return header != nullptr && header->find(internal::MessageType::layout) != nullptr;
}

Group Group::group(std::string_view path) const {
  return with_context([&] { return fmt::format("group \"{}\"", path); },
                      [&] {
                        auto header = find(path);
                        if (header == nullptr) fail(ErrorKind::bad_file, "it is missing");
                        return Group(std::move(header));
                      });
}

Dataset Group::dataset(std::string_view path) const {
  return with_context([&] { return fmt::format("dataset \"{}\"", path); },
                      [&] {
                        auto header = find(path);
                        if (header == nullptr) fail(ErrorKind::bad_file, "it is missing");
                        return Dataset(std::move(header));
                      });
}

}  // namespace smelt::hdf5
