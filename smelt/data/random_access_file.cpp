#include "smelt/data/random_access_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace smelt {

bool path_exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

std::shared_ptr<const RandomAccessFile> RandomAccessFile::open(const std::filesystem::path& path) {
  std::shared_ptr<RandomAccessFile> file(new RandomAccessFile(path));
  // O_NONBLOCK: opening a pipe must not wait for a writer before it is refused below.
  file->descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (file->descriptor_ < 0 || ::fstat(file->descriptor_, &status) != 0) {
    fail(ErrorKind::io, "cannot open {}: {}", path.string(), std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    fail(ErrorKind::io, "cannot read {}: it is {}", path.string(),
         S_ISDIR(status.st_mode) ? "a folder" : "not a regular file");
  }
  file->size_ = static_cast<uint64_t>(status.st_size);
  return file;
}

RandomAccessFile::~RandomAccessFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RandomAccessFile::read_at(uint64_t offset, std::span<uint8_t> into,
                               std::string_view what) const {
  const uint64_t wanted = into.size();
  while (!into.empty()) {
    const ssize_t count =
        ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      fail(ErrorKind::io, "cannot read {}: {}", path_.string(), std::strerror(errno));
    }
    if (count == 0) {
      fail(ErrorKind::bad_file, "{} ends inside {}: {} of {} bytes are missing", path_.string(),
           what, into.size(), wanted);
    }
    into = into.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

}  // namespace smelt
