#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/base/bytes.h"

/// Reads HDF5 files, as far as trained models use the format: groups of both styles (symbol tables;
/// compact and dense links), attributes holding strings, and numeric datasets in compact,
/// contiguous or chunked storage with the gzip, shuffle and fletcher32 filters. Structures are read
/// from the mapped file as they are asked for. The bytes are not trusted: bad_file where they
/// contradict themselves, unsupported for what is outside of this list.
/// Format: "HDF5 File Format Specification Version 3.0", The HDF Group.
namespace smelt::hdf5 {

namespace internal {
struct Image;
struct ObjectHeader;
struct Link;
}  // namespace internal

/// What groups and datasets have in common: attributes.
class Object {
 public:
  bool has_attribute(std::string_view name) const;

  /// A string of fixed or variable length. bad_file where it is absent or no single string.
  std::string attribute_string(std::string_view name) const;

  /// A list of strings in the order of the file; an attribute without elements of whatever type
  /// gives an empty list, a single string a list of one. bad_file where it is absent.
  std::vector<std::string> attribute_strings(std::string_view name) const;

 protected:
  explicit Object(std::shared_ptr<const internal::ObjectHeader> header)
      : header_(std::move(header)) {}

  std::shared_ptr<const internal::ObjectHeader> header_;
};

/// float32 values: a view into the mapped file where they lie there as such, else `storage`.
struct Floats {
  std::span<const float> values;
  std::shared_ptr<const void> storage;  ///< keeps the values alive
};

class Dataset : public Object {
 public:
  explicit Dataset(std::shared_ptr<const internal::ObjectHeader> header);

  /// Empty for a scalar.
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t elements() const;

  /// "float32", "big-endian int64", "string", ...
  std::string type_name() const;

  /// All elements in row-major order, converted to float32 from any float or integer type.
  Floats floats() const;

 private:
  std::vector<int64_t> shape_;
};

class Group : public Object {
 public:
  explicit Group(std::shared_ptr<const internal::ObjectHeader> header);

  /// Names of the links in this group, sorted as bytes.
  std::vector<std::string> children() const;

  /// `path` is names with '/' between; where it leads outside or to another kind: bad_file.
  bool contains(std::string_view path) const;
  bool is_dataset(std::string_view path) const;
  Group group(std::string_view path) const;
  Dataset dataset(std::string_view path) const;

 private:
  std::shared_ptr<const internal::ObjectHeader> find(std::string_view path) const;
  const internal::Link* find_link(std::string_view name) const;

  std::shared_ptr<const std::vector<internal::Link>> links_;
};

class File {
 public:
  static File open(const std::filesystem::path& path);

  /// A file that is in memory already; `owner` keeps the bytes alive.
  static File from_bytes(ByteView bytes, std::shared_ptr<const void> owner);

  Group root() const;

 private:
  explicit File(std::shared_ptr<const internal::Image> image) : image_(std::move(image)) {}

  std::shared_ptr<const internal::Image> image_;
};

/// True where the bytes start as an HDF5 file does (or its superblock follows a user block).
bool looks_like_hdf5(ByteView bytes);

}  // namespace smelt::hdf5
