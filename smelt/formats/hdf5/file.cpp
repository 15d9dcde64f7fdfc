#include "smelt/base/file.h"

#include "smelt/formats/hdf5/hdf5.h"
#include "smelt/formats/hdf5/object_header.h"

namespace smelt::hdf5 {

File File::open(const std::filesystem::path& path) {
  const auto mapped = MappedFile::open(path);
  return from_bytes(mapped->bytes(), mapped);
}

File File::from_bytes(ByteView bytes, std::shared_ptr<const void> owner) {
  return File(internal::read_superblock(bytes, std::move(owner)));
}

Group File::root() const {
  return Group(
      std::make_shared<internal::ObjectHeader>(internal::read_object_header(image_, image_->root)));
}

bool looks_like_hdf5(ByteView bytes) { return internal::find_superblock(bytes).has_value(); }

}  // namespace smelt::hdf5
