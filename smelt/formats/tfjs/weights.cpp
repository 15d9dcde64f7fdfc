#include "smelt/formats/tfjs/weights.h"

#include <cmath>

#include "smelt/base/file.h"
#include "smelt/base/half.h"
#include "smelt/formats/tensorflow/tensor_proto.h"

namespace smelt::tfjs {
namespace {

using keras::as_array;
using keras::as_integer;
using keras::as_string;
using keras::Config;
using tensorflow::TfType;

Shape read_shape(const Json& json) {
  std::vector<int32_t> dims;
  for (const Json& dim : as_array(json, "the shape of a weight")) {
    dims.push_back(static_cast<int32_t>(as_integer(dim, 0, keras::kMaxSize, "a shape")));
  }
  return Shape(std::move(dims));
}

/// A file beside model.json, never elsewhere.
std::filesystem::path shard(const std::filesystem::path& folder, const std::string& name) {
  const std::filesystem::path relative(name);
  for (const auto& part : relative) {
    if (part == "..")
      fail(ErrorKind::bad_file, "weights in \"{}\" lie outside of the folder", name);
  }
  if (relative.is_absolute()) fail(ErrorKind::bad_file, "weights have the path \"{}\"", name);
  return folder / relative;
}

template <class Stored, class Convert>
Tensor expand(Tensor tensor, ByteView bytes, Convert&& convert) {
  const bool floats = tensor.type == DataType::float32;
  const auto count = static_cast<size_t>(tensor.shape.elements());
  tensor.data = Buffer::make(count * 4, [&](std::span<uint8_t> out) {
    for (size_t i = 0; i < count; ++i) {
      Stored stored;
      std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
      const float value = convert(stored);
      const auto rounded = static_cast<int32_t>(std::lround(std::clamp(value, -2e9f, 2e9f)));
      if (floats) {
        std::memcpy(out.data() + i * 4, &value, 4);
      } else {
        std::memcpy(out.data() + i * 4, &rounded, 4);
      }
    }
  });
  return tensor;
}

/// Length and bytes of each text.
size_t string_bytes(ByteView bytes, int64_t count) {
  ByteReader reader(bytes);
  for (int64_t i = 0; i < count; ++i) {
    reader.take(reader.read<uint32_t>("the length of a text"), "a text");
  }
  return reader.position();
}

}  // namespace

Weights::Weights(const Json& manifest, const std::filesystem::path& folder) {
  for (const Json& group : as_array(manifest, "\"weightsManifest\"")) read_group(group, folder);
}

void Weights::read_group(const Json& group, const std::filesystem::path& folder) {
  const Config config(group);
  std::vector<std::shared_ptr<const MappedFile>> files;
  size_t total = 0;
  for (const Json& path : as_array(config.at("paths"), "\"paths\"")) {
    files.push_back(MappedFile::open(shard(folder, as_string(path, "a path"))));
    total += files.back()->bytes().size();
  }
  ByteView bytes;
  std::shared_ptr<const void> owner;
  if (files.size() == 1) {
    bytes = files[0]->bytes();
    owner = files[0];
  } else {
    const auto joined = std::make_shared<std::vector<uint8_t>>();
    joined->reserve(total);
    for (const auto& file : files) {
      joined->insert(joined->end(), file->bytes().begin(), file->bytes().end());
    }
    bytes = *joined;
    owner = joined;
  }
  size_t at = 0;
  for (const Json& weight : as_array(config.at("weights"), "\"weights\"")) {
    const Config settings(weight);
    const std::string name = settings.string("name");
    with_context(
        [&] { return "weight " + name; },
        [&] {
          Entry entry{.shape = read_shape(settings.at("shape")), .owner = owner};
          entry.tf_type =
              static_cast<int32_t>(tensorflow::tf_type_from_name(settings.string("dtype")));
          int64_t size = tensorflow::stored_bytes(entry.tf_type);
          if (const Json* quantization = settings.find("quantization")) {
            const Config stored(*quantization);
            entry.stored = stored.string("dtype");
            entry.scale = stored.number("scale", 1);
            entry.min = stored.number("min", 0);
            size = tensorflow::stored_bytes(
                static_cast<int32_t>(tensorflow::tf_type_from_name(entry.stored)));
          }
          const int64_t count = entry.shape.elements();
          const bool texts = entry.tf_type == static_cast<int32_t>(TfType::string);
          if (size == 0 && !texts) {
            fail(ErrorKind::unsupported, "dtype {} is not supported", settings.string("dtype"));
          }
          const auto length = texts ? string_bytes(bytes.subspan(at), count)
                                    : static_cast<size_t>(checked_mul(count, size, "size"));
          if (!in_range(at, length, bytes.size())) {
            fail(ErrorKind::bad_file, "its values lie behind the end of the files");
          }
          entry.bytes = bytes.subspan(at, length);
          at += length;
          names_.push_back(name);
          entries_[name] = std::move(entry);
        });
  }
}

Tensor Weights::read(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(ErrorKind::bad_file, "weight {} is in no file", name);
  const Entry& entry = found->second;
  if (entry.stored.empty()) {
    return tensorflow::tensor_from_bytes(name, entry.tf_type, entry.shape, entry.bytes,
                                         entry.owner);
  }
  Tensor tensor{.name = name, .type = tensorflow::data_type(entry.tf_type), .shape = entry.shape};
  tensor.is_constant = true;
  if (tensor.type != DataType::float32 && tensor.type != DataType::int32) {
    fail(ErrorKind::unsupported, "weight {}: quantized {} is not supported", name,
         smelt::name(tensor.type));
  }
  const auto affine = [&](auto stored) {
    return static_cast<float>(stored) * entry.scale + entry.min;
  };
  if (entry.stored == "uint8") return expand<uint8_t>(std::move(tensor), entry.bytes, affine);
  if (entry.stored == "uint16") return expand<uint16_t>(std::move(tensor), entry.bytes, affine);
  if (entry.stored == "float16") {
    return expand<uint16_t>(std::move(tensor), entry.bytes, half_to_float);
  }
  fail(ErrorKind::unsupported, "weight {}: stored as {}", name, entry.stored);
}

}  // namespace smelt::tfjs
