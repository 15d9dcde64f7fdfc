#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "smelt/base/bytes.h"
#include "smelt/ir/model.h"

/// `.tflite` files, both ways. Loading, saving and loading again gives an equal model (`difference`
/// is empty); what the format knows and a Model does not is listed here:
///   - debug_metadata_index of operators and graphs, and the old Model.metadata_buffer list:
///   dropped;
///   - options that an operator does not need: an empty table is dropped, and custom options of a
///     builtin operator;
///   - zero points where they are missing or fewer than the scales: written out in full;
///   - padding between the flatbuffer and what follows it.
namespace smelt::tflite {

/// Maps the file; constants stay views into the map (copied only where the file misaligns them for
/// their type). Everything in the file is checked before it is used, and `verify` has passed.
/// io where the file cannot be read, bad_file where it is malformed, unsupported where it holds
/// operators, types or fields that this version of the schema does not know.
Model load(const std::filesystem::path& path);

/// The same for bytes in memory; `owner` keeps them alive as long as a constant views them.
Model parse(ByteView bytes, std::shared_ptr<const void> owner);

struct SaveOptions {
  /// Names of tensors and graphs. Signatures keep theirs, as callers look them up.
  bool names = true;
  /// Metadata that speaks about the file that the model came from: min_runtime_version,
  /// CONVERSION_METADATA, OfflineMemoryAllocation. True to save a model as it was loaded, false for
  /// one that Smelt made. (A memory plan for another number of tensors is dropped in any case.)
  bool source_metadata = true;
  /// Files that would grow past this size hold constants behind the flatbuffer, which itself cannot
  /// pass 2^31 bytes.
  uint64_t inline_limit = (uint64_t{1} << 31) - (uint64_t{1} << 20);
};

/// The file as bytes; the same model and options always give the same bytes. Constants start at
/// multiples of 16, equal ones (and equal strings, vectors, quantization and option tables) are
/// stored once. An operator's version is the least that LiteRT asks for its types and attributes,
/// or the version that it was loaded with where that is greater. bad_file where the model does not
/// verify, unsupported where it holds ops in training form.
std::vector<uint8_t> serialize(const Model& model, const SaveOptions& options = {});

/// How large that is, without making it.
int64_t file_bytes(const Model& model, const SaveOptions& options = {});

/// The same into a file, which appears whole or not at all; its size.
int64_t save(const Model& model, const std::filesystem::path& path,
             const SaveOptions& options = {});

}  // namespace smelt::tflite
