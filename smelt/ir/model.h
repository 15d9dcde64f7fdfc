#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// A named entry point: names of inputs and outputs for tensors of one graph.
struct Signature {
  struct Entry {
    std::string name;
    TensorId tensor;
    bool operator==(const Entry&) const = default;
  };
  std::string key;
  std::vector<Entry> inputs;
  std::vector<Entry> outputs;
  uint32_t graph = 0;
  bool operator==(const Signature&) const = default;
};

/// Bytes under a name, which Smelt keeps without looking inside.
struct Metadata {
  std::string name;
  Buffer data;
  bool operator==(const Metadata&) const = default;
};

/// Constant data in files beside the model; kept as stored.
struct ExternalBuffer {
  uint32_t id = 0;
  uint32_t group = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  std::string packing;
  bool operator==(const ExternalBuffer&) const = default;
};

/// Where a model came from, for messages and reports.
struct Source {
  std::string path;
  std::string format;      ///< "tflite", "keras_h5"
  int64_t file_bytes = 0;  ///< size of what the user brought
};

/// Everything that a model file holds. graphs[0] is the main one; others are bodies of IF, WHILE
/// and CALL_ONCE or further signatures. Copies share constants.
struct Model {
  std::vector<Graph> graphs;
  std::vector<Signature> signatures;
  std::vector<Metadata> metadata;
  std::string description;
  uint32_t version = 3;  ///< of the TFLite schema
  std::vector<std::string> external_buffer_groups;
  std::vector<ExternalBuffer> external_buffers;
  std::vector<uint8_t> trailing_bytes;  ///< what follows the flatbuffer (a zip of label files)
  Source source;

  Graph& main() { return graphs.at(0); }
  const Graph& main() const { return graphs.at(0); }
};

}  // namespace smelt
