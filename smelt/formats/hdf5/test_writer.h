#pragma once

#include <hdf5.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace smelt::hdf5::test {

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "smelt_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Writes files with the HDF Group's own library, to compare with.
class Writer {
 public:
  /// `newest`: the newest format that the library knows, instead of the oldest.
  explicit Writer(const std::filesystem::path& path, bool newest = false, hsize_t user_block = 0) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (newest) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    const hid_t create = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_userblock(create, user_block);
    file_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, create, access);
    H5Pclose(create);
    H5Pclose(access);
  }
  ~Writer() { H5Fclose(file_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Creates the groups on the way to `path` and the group itself.
  void group(const std::string& path) {
    const hid_t create = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(create, 1);
    if (H5Lexists(file_, path.c_str(), H5P_DEFAULT) <= 0) {
      H5Gclose(H5Gcreate2(file_, path.c_str(), create, H5P_DEFAULT, H5P_DEFAULT));
    }
    H5Pclose(create);
  }

  void floats(const std::string& path, const std::vector<hsize_t>& dims,
              const std::vector<float>& values, hid_t type = H5T_IEEE_F32LE,
              hid_t create = H5P_DEFAULT, const std::vector<hsize_t>& max_dims = {}) {
    const hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t space = dims.empty()
                            ? H5Screate(H5S_SCALAR)
                            : H5Screate_simple(static_cast<int>(dims.size()), dims.data(),
                                               max_dims.empty() ? nullptr : max_dims.data());
    const hid_t dataset = H5Dcreate2(file_, path.c_str(), type, space, links, create, H5P_DEFAULT);
    if (!values.empty()) {
      H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    }
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(links);
  }

  void string_attribute(const std::string& object, const std::string& name, const std::string& text,
                        bool variable = true) {
    const hid_t space = H5Screate(H5S_SCALAR);
    write_strings(object, name, space, {text}, variable);
    H5Sclose(space);
  }

  void strings_attribute(const std::string& object, const std::string& name,
                         const std::vector<std::string>& texts, bool variable = false) {
    const hsize_t count = texts.size();
    const hid_t space = H5Screate_simple(1, &count, nullptr);
    write_strings(object, name, space, texts, variable);
    H5Sclose(space);
  }

  /// What h5py writes for an empty list: an attribute of shape [0] and type float64.
  void empty_attribute(const std::string& object, const std::string& name) {
    const hsize_t count = 0;
    const hid_t space = H5Screate_simple(1, &count, nullptr);
    const hid_t owner = H5Oopen(file_, object.c_str(), H5P_DEFAULT);
    H5Aclose(H5Acreate2(owner, name.c_str(), H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Oclose(owner);
    H5Sclose(space);
  }

  hid_t id() const { return file_; }

 private:
  void write_strings(const std::string& object, const std::string& name, hid_t space,
                     const std::vector<std::string>& texts, bool variable) {
    size_t size = 1;
    for (const std::string& text : texts) size = std::max(size, text.size());
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, variable ? H5T_VARIABLE : size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    const hid_t owner = H5Oopen(file_, object.c_str(), H5P_DEFAULT);
    const hid_t attribute = H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    std::string fixed;
    std::vector<const char*> pointers;
    for (const std::string& text : texts) {
      pointers.push_back(text.c_str());
      fixed += text;
      fixed.append(size - text.size(), '\0');
    }
    H5Awrite(attribute, type, variable ? static_cast<const void*>(pointers.data()) : fixed.data());
    H5Aclose(attribute);
    H5Oclose(owner);
    H5Tclose(type);
  }

  hid_t file_;
};

}  // namespace smelt::hdf5::test
