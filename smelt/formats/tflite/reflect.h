#pragma once

#include <flatbuffers/flatbuffers.h>

namespace smelt::tflite {

/// A copy of a table and all below it in another builder, field by field as `type` lists them.
flatbuffers::Offset<void> copy_table(const flatbuffers::Table& from,
                                     const flatbuffers::TypeTable& type,
                                     flatbuffers::FlatBufferBuilder& to);

/// Walks a verified flatbuffer that starts at `base` and returns where it ends: the first byte
/// behind all that `root` reaches. unsupported where a table holds a field or a kind of union
/// member that `type` does not list: later software wrote it, and reading on would lose it.
size_t survey(const uint8_t* base, const flatbuffers::Table& root,
              const flatbuffers::TypeTable& type);

}  // namespace smelt::tflite
