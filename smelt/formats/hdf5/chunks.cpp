#include "smelt/formats/hdf5/chunks.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "smelt/formats/hdf5/btree.h"

namespace smelt::hdf5::internal {
namespace {

struct Chunk {
  std::vector<uint64_t> origin;  ///< first element of the chunk, along each axis
  uint64_t address = kUndefined;
  uint64_t size = 0;  ///< bytes as stored
  uint32_t mask = 0;
  bool filtered = true;
};

/// Where the elements lie: what the layout message says, and the chunks that the index lists.
struct Grid {
  const Image& image;
  std::vector<uint64_t> dims;        ///< of the dataset
  std::vector<uint64_t> chunk_dims;  ///< of a chunk
  uint64_t element_size = 0;
  uint64_t chunk_bytes = 0;
  bool filtered = false;
  bool edges_unfiltered = false;
  std::vector<Chunk> chunks;

  size_t rank() const { return dims.size(); }
  uint64_t chunks_along(size_t axis) const {
    return (dims[axis] + chunk_dims[axis] - 1) / chunk_dims[axis];
  }
  uint64_t chunk_count() const {
    uint64_t count = 1;
    for (size_t i = 0; i < rank(); ++i) count *= chunks_along(i);
    return count;
  }
  /// The chunk with that number in row-major order.
  Chunk numbered(uint64_t number) const {
    Chunk chunk;
    chunk.origin.resize(rank());
    for (size_t i = rank(); i-- > 0;) {
      chunk.origin[i] = number % chunks_along(i) * chunk_dims[i];
      number /= chunks_along(i);
    }
    chunk.size = chunk_bytes;
    return chunk;
  }
  bool partial(const Chunk& chunk) const {
    for (size_t i = 0; i < rank(); ++i) {
      if (chunk.origin[i] + chunk_dims[i] > dims[i]) return true;
    }
    return false;
  }
  /// Width of a chunk's stored size in indexes of the new style.
  int size_bytes() const {
    return std::min(8, 1 + (static_cast<int>(std::bit_width(chunk_bytes)) - 1 + 8) / 8);
  }
};

void set_chunk_shape(Grid& grid, const std::vector<uint64_t>& shape) {
  if (shape.size() != grid.rank() + 1 || shape.back() != grid.element_size) {
    fail(ErrorKind::bad_file, "chunks do not have the rank or type of the dataset");
  }
  grid.chunk_dims.assign(shape.begin(), shape.end() - 1);
  int64_t bytes = static_cast<int64_t>(grid.element_size);
  for (const uint64_t dim : grid.chunk_dims) {
    if (dim == 0) fail(ErrorKind::bad_file, "chunks are empty");
    bytes = checked_mul(bytes, static_cast<int64_t>(dim), "size of a chunk");
  }
  grid.chunk_bytes = static_cast<uint64_t>(bytes);
}

/// Layout versions 1 to 3: a version 1 tree whose keys hold size, filter mask and origin.
void list_old(Grid& grid, uint64_t tree) {
  const size_t key_size = 8 + 8 * (grid.rank() + 1);
  visit_btree1(grid.image, tree, 1, key_size, [&](Cursor key, uint64_t address) {
    Chunk chunk;
    chunk.size = key.u32();
    chunk.mask = key.u32();
    for (size_t i = 0; i < grid.rank(); ++i) chunk.origin.push_back(key.uint(8));
    chunk.address = address;
    grid.chunks.push_back(std::move(chunk));
  });
}

Chunk read_entry(const Grid& grid, Cursor& in, Chunk chunk) {
  chunk.address = in.address();
  if (grid.filtered) {
    chunk.size = in.uint(grid.size_bytes());
    chunk.mask = in.u32();
  }
  return chunk;
}

void list_fixed_array(Grid& grid, uint64_t address) {
  Cursor head = grid.image.at(address, "chunk array");
  head.signature("FAHD");
  head.version(0, 0);
  head.skip(1);
  const uint64_t entry_size = head.u8();
  const uint8_t page_bits = head.u8();
  const uint64_t count = head.length();
  const uint64_t data = head.address();
  if (count != grid.chunk_count() || page_bits > 32) {
    fail(ErrorKind::bad_file, "chunk array does not fit the dataset");
  }
  grid.image.charge(count * entry_size);
  Cursor in = grid.image.at(data, "chunk array");
  in.signature("FADB");
  in.version(0, 0);
  in.skip(1);
  in.address();
  const uint64_t per_page = uint64_t{1} << page_bits;
  const bool paged = count > per_page;
  if (paged) in.skip(((count + per_page - 1) / per_page + 7) / 8 + 4);  // which pages, checksum
  for (uint64_t i = 0; i < count; ++i) {
    if (paged && i > 0 && i % per_page == 0) in.skip(4);  // checksum of the page
    const size_t before = in.position();
    grid.chunks.push_back(read_entry(grid, in, grid.numbered(i)));
    if (in.position() - before != entry_size) {
      fail(ErrorKind::bad_file, "chunk array has entries of a wrong size");
    }
  }
}

void list_btree2(Grid& grid, uint64_t address) {
  const BTree2 tree(grid.image, address, "tree of chunks");
  if (tree.record_type() != (grid.filtered ? 11 : 10)) {
    fail(ErrorKind::bad_file, "tree of chunks is of the wrong kind");
  }
  tree.visit([&](Cursor record) {
    Chunk chunk;
    chunk.size = grid.chunk_bytes;
    chunk = read_entry(grid, record, std::move(chunk));
    for (size_t i = 0; i < grid.rank(); ++i) {
      const uint64_t scaled = record.uint(8);
      if (scaled >= grid.chunks_along(i)) fail(ErrorKind::bad_file, "a chunk lies outside");
      chunk.origin.push_back(scaled * grid.chunk_dims[i]);
    }
    grid.chunks.push_back(std::move(chunk));
  });
}

/// Layout version 4 has an index for every need.
void list_new(Grid& grid, Cursor& in, uint8_t flags) {
  enum Index { single = 1, implicit = 2, fixed_array = 3, extensible_array = 4, btree2 = 5 };
  const uint8_t index = in.u8();
  switch (index) {
    case single: {
      Chunk chunk = grid.numbered(0);
      if (flags & 2) {
        chunk.size = in.length();
        chunk.mask = in.u32();
      }
      chunk.address = in.address();
      grid.chunks.push_back(std::move(chunk));
      break;
    }
    case implicit: {
      const uint64_t address = in.address();
      const uint64_t count = grid.chunk_count();
      grid.image.span(address,
                      static_cast<uint64_t>(checked_mul(static_cast<int64_t>(count),
                                                        static_cast<int64_t>(grid.chunk_bytes),
                                                        "size of a dataset")),
                      "chunks");
      for (uint64_t i = 0; i < count; ++i) {
        grid.chunks.push_back(grid.numbered(i));
        grid.chunks.back().address = address + i * grid.chunk_bytes;
      }
      break;
    }
    case fixed_array:
      in.skip(1);
      list_fixed_array(grid, in.address());
      break;
    case extensible_array:
      fail(ErrorKind::unsupported, "a dataset that can grow without limit, in the newest format");
    case btree2:
      in.skip(6);
      list_btree2(grid, in.address());
      break;
    default:
      fail(ErrorKind::bad_file, "unknown index of chunks ({})", index);
  }
}

/// Copies the part of a chunk that lies inside of the dataset.
void place(const Grid& grid, const Chunk& chunk, const std::vector<uint8_t>& data,
           std::vector<uint8_t>& out) {
  const size_t rank = grid.rank();
  std::vector<uint64_t> extent(rank);
  for (size_t i = 0; i < rank; ++i) {
    if (chunk.origin[i] >= grid.dims[i] || chunk.origin[i] % grid.chunk_dims[i] != 0) {
      fail(ErrorKind::bad_file, "a chunk lies outside of the dataset");
    }
    extent[i] = std::min(grid.chunk_dims[i], grid.dims[i] - chunk.origin[i]);
  }
  std::vector<uint64_t> at(rank, 0);
  const uint64_t row_bytes = (rank == 0 ? 1 : extent[rank - 1]) * grid.element_size;
  while (true) {
    uint64_t from = 0;
    uint64_t to = 0;
    for (size_t i = 0; i < rank; ++i) {
      from = from * grid.chunk_dims[i] + at[i];
      to = to * grid.dims[i] + chunk.origin[i] + at[i];
    }
    std::memcpy(out.data() + to * grid.element_size, data.data() + from * grid.element_size,
                row_bytes);
    size_t axis = rank < 2 ? 0 : rank - 1;  // count up over all axes but the last
    while (axis > 0 && ++at[axis - 1] == extent[axis - 1]) at[--axis] = 0;
    if (axis == 0) return;
  }
}

/// The stored chunks cannot be more than the file, nor the dataset absurdly more than they.
void check_sizes(const Grid& grid, uint64_t total) {
  constexpr uint64_t kSmall = 64u << 20;
  constexpr uint64_t kRatio = 200;
  if (grid.chunks.size() != grid.chunk_count()) {
    fail(ErrorKind::bad_file, "{} of {} chunks were written", grid.chunks.size(),
         grid.chunk_count());
  }
  uint64_t stored = 0;
  for (const Chunk& chunk : grid.chunks) {
    grid.image.span(chunk.address, chunk.size, "a chunk");
    stored += chunk.size;
  }
  if (stored > grid.image.bytes.size()) fail(ErrorKind::bad_file, "chunks overlap");
  if (total > kSmall && total / kRatio > stored) {
    fail(ErrorKind::bad_file, "{} bytes unpack to {}", stored, total);
  }
}

}  // namespace

std::vector<uint8_t> read_chunked(const ObjectHeader& header, Cursor layout, int version,
                                  const Dataspace& space, uint32_t element_size) {
  const std::vector<Filter> filters = read_filters(header);
  Grid grid{.image = *header.image,
            .dims = {space.dims.begin(), space.dims.end()},
            .element_size = element_size,
            .filtered = !filters.empty()};
  const auto total =
      static_cast<uint64_t>(checked_mul(space.elements(), element_size, "size of a dataset"));
  if (total == 0) return {};
  const uint8_t flags = version == 4 ? layout.u8() : 0;
  const size_t shape_size = layout.u8();
  uint64_t tree = kUndefined;
  int dim_bytes = 4;
  if (version == 4) {
    dim_bytes = layout.u8();
    if (dim_bytes == 0 || dim_bytes > 8) fail(ErrorKind::bad_file, "chunk shape is malformed");
  } else {
    tree = layout.address();
  }
  std::vector<uint64_t> shape(shape_size);
  for (uint64_t& dim : shape) dim = layout.uint(dim_bytes);
  set_chunk_shape(grid, shape);
  grid.edges_unfiltered = flags & 1;
  if (version == 4) {
    list_new(grid, layout, flags);
  } else {
    list_old(grid, tree);
  }
  check_sizes(grid, total);
  std::vector<uint8_t> out(total);
  for (const Chunk& chunk : grid.chunks) {
    const ByteView stored = grid.image.span(chunk.address, chunk.size, "a chunk");
    const bool plain = grid.edges_unfiltered && grid.partial(chunk);
    place(
        grid, chunk,
        undo_filters(plain ? std::vector<Filter>{} : filters, chunk.mask, stored, grid.chunk_bytes),
        out);
  }
  return out;
}

}  // namespace smelt::hdf5::internal
