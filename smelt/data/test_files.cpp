#include "smelt/data/test_files.h"

#include <png.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
// clang-format off
#include <cstdio>
#include <jpeglib.h>
// clang-format on

#include "smelt/data/npy.h"

namespace smelt::test {
namespace {

void put(Bytes& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i) & 0xff);
}

Bytes deflate_bytes(std::string_view content, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(deflateBound(&stream, content.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "smelt-data-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ScopedVariable::ScopedVariable(std::string name, const char* value) : name_(std::move(name)) {
  const char* before = std::getenv(name_.c_str());
  had_value_ = before != nullptr;
  if (had_value_) before_ = before;
  if (value != nullptr) {
    ::setenv(name_.c_str(), value, 1);
  } else {
    ::unsetenv(name_.c_str());
  }
}

ScopedVariable::~ScopedVariable() {
  if (had_value_) {
    ::setenv(name_.c_str(), before_.c_str(), 1);
  } else {
    ::unsetenv(name_.c_str());
  }
}

void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::filesystem::remove(path);  // file systems flush a file that is cut and written again
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

Bytes read_bytes(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Bytes npy_bytes(const Array& array) {
  Bytes bytes = make_npy_header(array.type, array.shape);
  bytes.append(reinterpret_cast<const char*>(array.data.bytes().data()), array.data.size());
  return bytes;
}

Bytes npy_with_header(std::string_view dict, std::string_view data, int version) {
  Bytes bytes = "\x93NUMPY";
  put(bytes, static_cast<uint64_t>(version), 2);
  put(bytes, dict.size(), version == 1 ? 2 : 4);
  return bytes.append(dict).append(data);
}

Bytes zip_bytes(const std::vector<ZipMember>& members) {
  Bytes file, directory;
  for (const ZipMember& member : members) {
    const Bytes packed = member.deflate ? deflate_bytes(member.content, -15) : member.content;
    const uint64_t size = member.claimed_size >= 0 ? static_cast<uint64_t>(member.claimed_size)
                                                   : member.content.size();
    const uint64_t packed_size = member.deflate ? packed.size() : size;
    uint64_t crc = ::crc32(0, reinterpret_cast<const Bytef*>(member.content.data()),
                           static_cast<uInt>(member.content.size()));
    if (member.bad_crc) crc ^= 1;
    const size_t local = file.size();
    const uint64_t flags = member.sizes_follow ? 8 : 0;
    const auto fields = [&](Bytes& to, bool with_sizes) {
      put(to, 20, 2);
      put(to, flags, 2);
      put(to, member.deflate ? 8 : 0, 2);
      put(to, 0x210000, 4);
      put(to, with_sizes ? crc : 0, 4);
      put(to, with_sizes ? packed_size : 0, 4);
      put(to, with_sizes ? size : 0, 4);
      put(to, member.name.size(), 2);
      put(to, 0, 2);
    };
    put(file, 0x04034b50, 4);
    fields(file, !member.sizes_follow);
    file += member.name + packed;
    if (member.sizes_follow) {
      put(file, 0x08074b50, 4);
      put(file, crc, 4);
      put(file, packed_size, 4);
      put(file, size, 4);
    }
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2);
    fields(directory, true);
    put(directory, 0, 2);
    put(directory, 0, 2);
    put(directory, 0, 2);
    put(directory, 0, 4);
    put(directory, local, 4);
    directory += member.name;
  }
  Bytes end;
  put(end, 0x06054b50, 4);
  put(end, 0, 4);
  put(end, members.size(), 2);
  put(end, members.size(), 2);
  put(end, directory.size(), 4);
  put(end, file.size(), 4);
  put(end, 0, 2);
  return file + directory + end;
}

Bytes gzip_bytes(std::string_view content) { return deflate_bytes(content, 15 + 16); }

Bytes idx_bytes(const Shape& shape, const std::vector<uint8_t>& values) {
  Bytes bytes{'\0', '\0', '\x08', static_cast<char>(shape.rank())};
  for (const int32_t size : shape.dims()) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
  }
  return bytes.append(values.begin(), values.end());
}

Bytes png_bytes(const Image& image, const PngOptions& options) {
  Bytes bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp state, png_bytep data, size_t count) {
        static_cast<Bytes*>(png_get_io_ptr(state))->append(reinterpret_cast<char*>(data), count);
      },
      nullptr);
  int color = image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
  if (options.alpha) color |= PNG_COLOR_MASK_ALPHA;
  if (options.palette) color = PNG_COLOR_TYPE_PALETTE;
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
               static_cast<png_uint_32>(image.height), options.bits, color,
               options.interlace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
  if (options.palette) {
    std::vector<png_color> palette;
    for (int i = 0; i < 128; ++i) {
      palette.push_back(
          {static_cast<png_byte>(i), static_cast<png_byte>(255 - i), static_cast<png_byte>(2 * i)});
    }
    png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
    const png_byte transparent[2] = {0, 9};
    png_set_tRNS(png, info, transparent, 2, nullptr);
  }
  png_write_info(png, info);
  std::vector<uint8_t> pixels;
  const size_t sample_bytes = options.bits == 16 ? 2 : 1;
  const size_t pixel_bytes = static_cast<size_t>(image.channels) * sample_bytes;
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    pixels.push_back(image.pixels[i]);
    if (options.alpha && (i + 1) % pixel_bytes == 0) pixels.insert(pixels.end(), sample_bytes, 7);
  }
  const size_t stride = pixels.size() / static_cast<size_t>(image.height);
  std::vector<png_bytep> rows;
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y)
    rows.push_back(&pixels[y * stride]);
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

Bytes jpeg_bytes(const Image& image, int quality) {
  jpeg_compress_struct state{};
  jpeg_error_mgr errors;
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&state, &data, &size);
  state.image_width = static_cast<JDIMENSION>(image.width);
  state.image_height = static_cast<JDIMENSION>(image.height);
  state.input_components = image.channels;
  state.in_color_space =
      image.channels == 1 ? JCS_GRAYSCALE : (image.channels == 3 ? JCS_RGB : JCS_CMYK);
  jpeg_set_defaults(&state);
  jpeg_set_quality(&state, quality, TRUE);
  jpeg_start_compress(&state, TRUE);
  const size_t stride = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  while (state.next_scanline < state.image_height) {
    auto* row = const_cast<JSAMPROW>(image.pixels.data() + state.next_scanline * stride);
    jpeg_write_scanlines(&state, &row, 1);
  }
  jpeg_finish_compress(&state);
  Bytes bytes(reinterpret_cast<char*>(data), size);
  jpeg_destroy_compress(&state);
  std::free(data);
  return bytes;
}

Image make_image(int height, int width, int channels, int seed) {
  Image image{height, width, channels, {}};
  const int count = height * width * channels;
  for (int i = 0; i < count; ++i) {
    image.pixels.push_back(static_cast<uint8_t>((i * 37 + seed * 11) % 251));
  }
  return image;
}

}  // namespace smelt::test
