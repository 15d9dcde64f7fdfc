#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "smelt/base/bytes.h"
#include "smelt/base/error.h"
#include "smelt/data/array.h"
#include "smelt/data/image.h"

namespace smelt::test {

/// A new folder that disappears with this object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// An environment variable set (or, for null, unset) until this object ends.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, const char* value);
  ~ScopedVariable();
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  std::string name_;
  std::string before_;
  bool had_value_;
};

using Bytes = std::string;

void write_bytes(const std::filesystem::path& path, std::string_view bytes);
Bytes read_bytes(const std::filesystem::path& path);

/// The text of the Error that `body` throws, with its kind in front: "bad_file: ..."; empty where
/// it throws none.
template <class Body>
std::string error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return fmt::format("{}: {}", name(error.kind()), error.what());
  }
  return "";
}

template <class T>
Array make_array(const Shape& shape, const std::vector<T>& values) {
  return {data_type_of<T>, shape, Buffer::of(values)};
}

/// A whole .npy file.
Bytes npy_bytes(const Array& array);

/// A .npy file with a header text of our own.
Bytes npy_with_header(std::string_view dict, std::string_view data, int version = 1);

/// A member of a zip archive written by hand, whose fields can lie.
struct ZipMember {
  std::string name;
  Bytes content;
  bool deflate = false;
  int64_t claimed_size = -1;  ///< in both headers, where not negative
  bool sizes_follow = false;  ///< in a data descriptor behind the bytes, as streaming writers do
  bool bad_crc = false;
};
Bytes zip_bytes(const std::vector<ZipMember>& members);

Bytes gzip_bytes(std::string_view content);
Bytes idx_bytes(const Shape& shape, const std::vector<uint8_t>& values);

struct PngOptions {
  int bits = 8;
  bool alpha = false;  ///< with an alpha channel of 7s
  bool interlace = false;
  bool palette = false;  ///< 8 bits: pixel values are indices i with the color (i, 255 - i, 2 i)
};
/// `image.pixels` as they are: for 16 bits two bytes each, high byte first.
Bytes png_bytes(const Image& image, const PngOptions& options = {});
Bytes jpeg_bytes(const Image& image, int quality = 95);

/// Pixels that differ everywhere.
Image make_image(int height, int width, int channels, int seed = 0);

}  // namespace smelt::test
