#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/data/npy.h"
#include "smelt/data/rows.h"

namespace smelt {

/// A NumPy .npz archive: a zip whose members KEY.npy are arrays; other members are ignored.
/// Thread-safe.
class NpzFile {
 public:
  /// bad_file where it is not a zip archive or holds a key twice.
  static std::shared_ptr<const NpzFile> open(const std::filesystem::path& path);
  virtual ~NpzFile() = default;

  /// In the order of the archive.
  virtual const std::vector<std::string>& keys() const = 0;
  bool has(std::string_view key) const;

  /// The type and shape of an array without its values. bad_argument, listing the keys that there
  /// are, where the key is missing (the same below).
  virtual NpyHeader header(std::string_view key) const = 0;

  /// The array as rows. Stored members (np.savez) are read from the file row by row, unchecked by
  /// the archive's CRC, and keep the file open by themselves. Deflated ones (np.savez_compressed),
  /// and stored ones in Fortran order, are decoded into memory here; exactly as many bytes are
  /// decoded as the .npy header says, and bad_file where the member holds more or fewer.
  virtual Rows rows(std::string_view key) const = 0;

  /// The whole array, checked against the archive's CRC.
  virtual Array read(std::string_view key) const = 0;
};

}  // namespace smelt
