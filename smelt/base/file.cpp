#include "smelt/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace smelt {
namespace {

[[noreturn]] void fail_io(std::string_view doing, const std::filesystem::path& path) {
  fail(ErrorKind::io, "cannot {} {}: {}", doing, path.string(), std::strerror(errno));
}

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

int open_for_reading(const std::filesystem::path& path, struct stat& status) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_io("open", path);
  if (::fstat(descriptor, &status) != 0) {
    ::close(descriptor);
    fail_io("open", path);
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    fail(ErrorKind::io, "cannot read {}: it is {}", path.string(),
         S_ISDIR(status.st_mode) ? "a folder" : "not a regular file");
  }
  return descriptor;
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  struct stat status {};
  const Descriptor file{open_for_reading(path, status)};
  std::shared_ptr<MappedFile> mapped(new MappedFile);
  if (status.st_size == 0) return mapped;  // mmap refuses a length of 0
  const auto size = static_cast<size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (address == MAP_FAILED) fail_io("map", path);
  mapped->bytes_ = {static_cast<const uint8_t*>(address), size};
  return mapped;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

std::string read_text_file(const std::filesystem::path& path) {
  const auto mapped = MappedFile::open(path);
  return {reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()};
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string pattern = path_.string() + ".XXXXXX";
  descriptor_ = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail_io("write", path_);
  temporary_ = pattern;
  // mkostemp gives 0600; a written model has the mode that any other new file would have.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(descriptor_, 0666 & ~mask);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_io("write", path_);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  SMELT_CHECK(descriptor_ >= 0);
  if (::fsync(descriptor_) != 0 && errno != EINVAL) fail_io("write", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_io("write", path_);
  ::close(descriptor_);
  descriptor_ = -1;
}

void write_file(const std::filesystem::path& path, ByteView bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace smelt
