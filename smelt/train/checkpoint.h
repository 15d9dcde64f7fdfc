#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "smelt/train/constraint.h"

namespace smelt::train {

/// Everything that a run needs to go on where it was, under names.
struct Checkpoint {
  struct Array {
    std::string name;
    std::vector<float> values;
    bool operator==(const Array&) const = default;
  };
  std::map<std::string, std::string> texts;  ///< counters, history, specification
  std::vector<Array> arrays;                 ///< parameters, statistics, moments, masks

  bool operator==(const Checkpoint&) const = default;
};

// The file, little-endian:
//   "SMELTCKP", u32 version, u64 size of the file
//   u32 texts; of each: u32 size, bytes of the name; u64 size, bytes of the text
//   u32 arrays; of each: u32 size, bytes of the name; u64 number of float32 values, the values
//   u32 CRC-32C of all bytes before it

/// The same checkpoint always gives the same bytes. The file appears whole or not at all; io where
/// it cannot be written.
void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path);

/// bad_file, naming the file, where a byte was changed, the end is missing, or it is no checkpoint;
/// io where it cannot be read.
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// A visitor that appends what it sees to a checkpoint.
StateVisitor saver(Checkpoint& checkpoint);

/// Gives arrays back to those that they came from, by name.
class Restorer {
 public:
  /// `origin` names the file in errors.
  Restorer(const Checkpoint& checkpoint, std::string origin);

  /// Replaces values. bad_file where the checkpoint has no such array or one of another size: it
  /// belongs to another model or other settings.
  StateVisitor visitor();

  /// bad_file where an array was not asked for.
  void finish() const;

 private:
  const Checkpoint& checkpoint_;
  std::string origin_;
  std::map<std::string, const Checkpoint::Array*> left_;
};

}  // namespace smelt::train
