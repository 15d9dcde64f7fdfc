#include "smelt/data/gzip.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>

#include "smelt/data/random_access_file.h"

namespace smelt {

GzipReader::GzipReader(const std::filesystem::path& path) : path_(path) {
  const auto checked = RandomAccessFile::open(path);
  packed_size_ = checked->size();
  const int descriptor = ::dup(checked->descriptor());
  gzFile file = descriptor < 0 ? nullptr : ::gzdopen(descriptor, "rb");
  if (file == nullptr) {
    if (descriptor >= 0) ::close(descriptor);
    fail(ErrorKind::io, "cannot open {}: {}", path.string(), std::strerror(errno));
  }
  ::gzbuffer(file, 1u << 17);
  file_ = file;
}

GzipReader::~GzipReader() { ::gzclose(static_cast<gzFile>(file_)); }

size_t GzipReader::read_some(std::span<uint8_t> into) {
  auto* file = static_cast<gzFile>(file_);
  constexpr size_t kPiece = size_t{1} << 24;  // gzread counts in int
  const int count =
      ::gzread(file, into.data(), static_cast<unsigned>(std::min(into.size(), kPiece)));
  int code = Z_OK;
  const char* text = ::gzerror(file, &code);
  if (count < 0 || (code != Z_OK && code != Z_STREAM_END)) {
    fail(ErrorKind::bad_file, "{} is damaged: {}", path_.string(), text);
  }
  return static_cast<size_t>(count);
}

void GzipReader::read(std::span<uint8_t> into, std::string_view what) {
  const size_t wanted = into.size();
  while (!into.empty()) {
    const size_t count = read_some(into);
    if (count == 0) {
      fail(ErrorKind::bad_file, "{} ends inside {}: {} of {} bytes are missing", path_.string(),
           what, into.size(), wanted);
    }
    into = into.subspan(count);
  }
}

void GzipReader::expect_end() {
  uint8_t byte = 0;
  if (read_some({&byte, 1}) != 0) {
    fail(ErrorKind::bad_file, "{} holds more bytes than its header says", path_.string());
  }
}

}  // namespace smelt
