#include <array>

#include "smelt/data/array_dataset.h"
#include "smelt/data/convert.h"
#include "smelt/data/gzip.h"
#include "smelt/data/sources.h"

namespace smelt {
namespace {

constexpr int kMaxRank = 8;

/// Parses what stands before the values: 0, 0, the type, the rank, and the big-endian sizes.
/// `read(into)` fills the next bytes of the file.
template <class Read>
Shape read_idx_header(Read read) {
  std::array<uint8_t, 4> magic{};
  read(std::span<uint8_t>(magic));
  if (magic[0] != 0 || magic[1] != 0) {
    fail(ErrorKind::bad_file, "it is not an IDX file: it does not begin with two zero bytes");
  }
  constexpr uint8_t kUnsignedByte = 0x08;
  if (magic[2] != kUnsignedByte) {
    fail(ErrorKind::unsupported,
         "the IDX type 0x{:02x} is not read; only unsigned bytes (0x08) are", magic[2]);
  }
  const int rank = magic[3];
  if (rank < 1 || rank > kMaxRank) {
    fail(ErrorKind::bad_file, "an IDX file of {} axes; 1 to {} make sense", rank, kMaxRank);
  }
  std::vector<uint8_t> sizes(static_cast<size_t>(rank) * 4);
  read(std::span<uint8_t>(sizes));
  ByteReader reader(sizes);
  std::vector<int32_t> dims;
  for (int axis = 0; axis < rank; ++axis) {
    const uint32_t size = reader.read_u32_be("a size");
    if (size > 0x7fffffffu) fail(ErrorKind::bad_file, "axis {} has the size {}", axis, size);
    dims.push_back(static_cast<int32_t>(size));
  }
  Shape shape(std::move(dims));
  shape.elements();  // refuses shapes whose size overflows
  return shape;
}

bool is_gzip(const RandomAccessFile& file) {
  std::array<uint8_t, 2> magic{};
  if (file.size() < magic.size()) return false;
  file.read_at(0, magic, "its first bytes");
  return magic[0] == 0x1f && magic[1] == 0x8b;
}

Rows open_gzip_idx(const std::filesystem::path& path) {
  GzipReader reader(path);
  const Shape shape =
      read_idx_header([&](std::span<uint8_t> into) { reader.read(into, "the IDX header"); });
  const auto size = static_cast<uint64_t>(shape.elements());
  check_deflate_size(size, reader.packed_size(), "it");
  std::span<uint8_t> into;
  Array array{DataType::uint8, shape, allocate_buffer(size, into)};
  reader.read(into, "the values");
  reader.expect_end();
  return Rows(std::move(array));
}

Rows open_idx(const std::filesystem::path& path) {
  const auto file = RandomAccessFile::open(path);
  return with_context([&] { return fmt::format("while reading {}", path.string()); },
                      [&] {
                        if (is_gzip(*file)) return open_gzip_idx(path);
                        uint64_t offset = 0;
                        const Shape shape = read_idx_header([&](std::span<uint8_t> into) {
                          file->read_at(offset, into, "the IDX header");
                          offset += into.size();
                        });
                        return Rows(file, offset, DataType::uint8, shape);
                      });
}

std::string without_gz(std::string file_name) {
  if (file_name.ends_with(".gz")) file_name.resize(file_name.size() - 3);
  return file_name;
}

/// The file or its gzipped or unpacked twin; an empty path where there is neither.
std::filesystem::path existing(const std::filesystem::path& plain) {
  if (path_exists(plain)) return plain;
  const std::filesystem::path packed = plain.string() + ".gz";
  return path_exists(packed) ? packed : std::filesystem::path();
}

std::filesystem::path find_labels(const std::filesystem::path& images) {
  std::string file_name = without_gz(images.filename().string());
  const size_t at_images = file_name.find("images");
  if (at_images == std::string::npos) return {};
  file_name.replace(at_images, 6, "labels");
  const size_t at_rank = file_name.find("idx", at_images);
  if (at_rank != std::string::npos && at_rank + 3 < file_name.size()) file_name[at_rank + 3] = '1';
  return existing(images.parent_path() / file_name);
}

}  // namespace

DatasetPtr open_idx_dataset(const std::filesystem::path& images,
                            std::vector<std::string> class_names) {
  Rows rows = open_idx(images);
  Shape shape = rows.shape();
  if (shape.rank() == 1) {
    fail(ErrorKind::bad_argument, "{} holds labels; give the file of images instead",
         images.string());
  }
  if (shape.rank() == 3) {  // images of one channel, in the layout of all other images
    shape = Shape{shape[0], shape[1], shape[2], 1};
  }
  ArrayDatasetParts parts;
  parts.name = images.string();
  parts.inputs.push_back(rows.with_shape(shape));
  const std::filesystem::path labels = find_labels(images);
  if (!labels.empty()) {
    const Rows y = open_idx(labels);
    if (y.shape().rank() != 1) {
      fail(ErrorKind::bad_file, "{} holds {} where labels [N] are wanted", labels.string(),
           to_string(y.shape()));
    }
    parts.answers = interpret_answers(y);
    parts.class_names = std::move(class_names);
  }
  return make_array_dataset(std::move(parts));
}

std::filesystem::path find_idx_split(const std::filesystem::path& folder, std::string_view split) {
  const std::vector<std::string_view> stems = split == "test"
                                                  ? std::vector<std::string_view>{"t10k", "test"}
                                                  : std::vector<std::string_view>{split};
  for (const std::string_view stem : stems) {
    for (const char separator : {'-', '.'}) {
      auto found = existing(folder / fmt::format("{}-images{}idx3-ubyte", stem, separator));
      if (!found.empty()) return found;
    }
  }
  return {};
}

}  // namespace smelt
