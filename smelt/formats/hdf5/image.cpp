#include "smelt/formats/hdf5/image.h"

#include <algorithm>
#include <bit>

namespace smelt::hdf5::internal {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);

bool has_signature(ByteView bytes, uint64_t at) {
  return in_range(at, kSignature.size(), bytes.size()) &&
         std::equal(kSignature.begin(), kSignature.end(), bytes.begin() + static_cast<long>(at),
                    [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

void check_widths(const Image& image) {
  for (const int width : {image.offset_size, image.length_size}) {
    if (width != 2 && width != 4 && width != 8) {
      fail(ErrorKind::bad_file, "superblock: addresses or sizes of {} bytes", width);
    }
  }
}

void read_widths(Cursor& in, Image& image) {
  image.offset_size = in.u8();
  image.length_size = in.u8();
  check_widths(image);
}

/// Returns the address behind the last byte of the file.
uint64_t read_old(Cursor& in, Image& image, int version) {
  in.skip(4);  // versions of free space, root entry, and shared messages; reserved
  read_widths(in, image);
  in.skip(1 + 2 + 2 + 4);  // reserved, ranks of group trees, flags
  if (version == 1) in.skip(4);
  in.address();  // base: the superblock's own place counts, as user blocks may be added later
  in.address();  // free space
  const uint64_t end = in.address();
  in.address();  // driver information
  in.address();  // name of the root link
  image.root = in.address();
  return end;
}

uint64_t read_new(Cursor& in, Image& image) {
  read_widths(in, image);
  in.skip(1);    // flags
  in.address();  // base
  in.address();  // superblock extension
  const uint64_t end = in.address();
  image.root = in.address();
  return end;
}

}  // namespace

ByteView Image::span(uint64_t address, uint64_t size, std::string_view what) const {
  if (address == kUndefined || !in_range(address, size, bytes.size())) {
    fail(ErrorKind::bad_file, "{} lies outside of the file ({} bytes at {}, file of {})", what,
         size, static_cast<int64_t>(address), bytes.size());
  }
  return bytes.subspan(address, size);
}

Cursor Image::at(uint64_t address, std::string_view what) const {
  return {*this, span(address, address < bytes.size() ? bytes.size() - address : 1, what), what};
}

Cursor Image::at(uint64_t address, uint64_t size, std::string_view what) const {
  return {*this, span(address, size, what), what};
}

void Image::charge(uint64_t size) const {
  if (size > budget) fail(ErrorKind::bad_file, "structures of the file overlap or loop");
  budget -= size;
}

std::optional<uint64_t> find_superblock(ByteView bytes) {
  for (uint64_t at = 0; at < bytes.size(); at = at == 0 ? 512 : at * 2) {
    if (has_signature(bytes, at)) return at;
  }
  return std::nullopt;
}

std::shared_ptr<const Image> read_superblock(ByteView bytes, std::shared_ptr<const void> owner) {
  const std::optional<uint64_t> start = find_superblock(bytes);
  if (!start) fail(ErrorKind::bad_file, "not an HDF5 file: its signature is missing");
  auto image = std::make_shared<Image>();
  image->bytes = bytes.subspan(*start);
  image->owner = std::move(owner);
  constexpr uint64_t kSlack = 64u << 20;
  image->budget = 8 * image->bytes.size() + kSlack;
  Cursor in = image->at(0, "superblock");
  in.skip(kSignature.size());
  const uint8_t version = in.version(0, 3);
  const uint64_t end = version < 2 ? read_old(in, *image, version) : read_new(in, *image);
  if (end == kUndefined || end > image->bytes.size() + *start) {
    fail(ErrorKind::bad_file, "the file is cut off: it has {} bytes of {}", bytes.size(),
         static_cast<int64_t>(end));
  }
  return image;
}

void Cursor::align(size_t unit) {
  const size_t rest = position() % unit;
  if (rest != 0) skip(std::min(unit - rest, remaining()));
}

uint64_t Cursor::uint(int width) {
  uint64_t value = 0;
  const ByteView raw = take(static_cast<uint64_t>(width));
  for (int i = 0; i < width; ++i) value |= uint64_t{raw[static_cast<size_t>(i)]} << (8 * i);
  return value;
}

uint64_t Cursor::address() {
  const int width = image_->offset_size;
  const uint64_t value = uint(width);
  const uint64_t undefined = kUndefined >> (64 - 8 * width);
  return value == undefined ? kUndefined : value;
}

void Cursor::signature(std::string_view expected) {
  const ByteView found = take(expected.size());
  if (!std::equal(found.begin(), found.end(), expected.begin(), expected.end())) {
    fail(ErrorKind::bad_file, "{} does not start with {}", what_, expected);
  }
}

uint8_t Cursor::version(uint8_t low, uint8_t high) {
  const uint8_t found = u8();
  if (found < low || found > high) {
    fail(ErrorKind::unsupported, "{} has version {}, known are {} to {}", what_, found, low, high);
  }
  return found;
}

void Visited::add(uint64_t address, std::string_view what) {
  if (!seen_.insert(address).second) {
    fail(ErrorKind::bad_file, "{} at {} is linked twice", what, address);
  }
}

int bytes_for(uint64_t limit) {
  return limit == 0 ? 1 : (static_cast<int>(std::bit_width(limit)) - 1) / 8 + 1;
}

}  // namespace smelt::hdf5::internal
