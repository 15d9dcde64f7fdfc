#include "smelt/formats/tflite/compression.h"

#include <algorithm>

#include "compression_schema.h"
#include "smelt/ir/dump.h"
#include "smelt/ir/lookup_table.h"

namespace smelt::tflite {
namespace {

constexpr std::string_view kEntry = "COMPRESSION_METADATA";

const compression::Metadata& verified(const Buffer& data) {
  flatbuffers::Verifier verifier(data.bytes().data(), data.size());
  if (data.size() < sizeof(uint64_t) || !compression::VerifyMetadataBuffer(verifier)) {
    fail(ErrorKind::bad_file, "metadata '{}' is damaged", kEntry);
  }
  const compression::Metadata& metadata = *compression::GetMetadata(data.bytes().data());
  if (metadata.schema_version() > 1) {
    fail(ErrorKind::unsupported, "metadata '{}' is of version {}; 1 is known", kEntry,
         metadata.schema_version());
  }
  return metadata;
}

void decode(Tensor& tensor, const compression::LutTensor& from,
            std::span<const StoredBuffer> buffers, Budget& budget) {
  if (from.value_buffer() >= buffers.size()) {
    fail(ErrorKind::bad_file, "values in buffer {} of {}", from.value_buffer(), buffers.size());
  }
  const int bits = bit_width(tensor.type);
  if (bits < 8 || tensor.sparsity || tensor.data.empty()) {
    fail(ErrorKind::bad_file, "a lookup table for {} values that are {}", name(tensor.type),
         tensor.data.empty() ? "absent" : "packed or sparse");
  }
  const Quantization& q = tensor.quantization;
  const int64_t element = bits / 8;
  const auto channels = std::max<int64_t>(1, static_cast<int64_t>(q.scale.size()));
  const bool alternating = channels > 1 && q.axis == tensor.shape.rank() - 1 && q.axis != 0;
  if (channels > 1 && !alternating && q.axis != 0) {
    fail(ErrorKind::unsupported, "a lookup table along axis {} of shape {}", q.axis,
         to_string(tensor.shape));
  }
  const ByteView table = buffers[from.value_buffer()].data.bytes();
  const int64_t count = tensor.shape.elements();
  if (count % channels != 0) {
    fail(ErrorKind::bad_file, "{} values in {} channels", count, channels);
  }
  budget.charge(static_cast<size_t>(storage_bytes(tensor.type, count)));
  const std::vector<uint8_t> values =
      decode_lookup({.codes = tensor.data.bytes(),
                     .table = table,
                     .bits = from.index_bitwidth(),
                     .count = count,
                     .element = element,
                     .channels = channels,
                     .stride = static_cast<int64_t>(table.size()) / element / channels,
                     .alternating = alternating});
  tensor.data = Buffer::of(values);
}

}  // namespace

void decompress(Model& model, std::span<const StoredBuffer> buffers, Budget& budget) {
  const auto entry = std::find_if(model.metadata.begin(), model.metadata.end(),
                                  [](const Metadata& m) { return m.name == kEntry; });
  if (entry == model.metadata.end()) return;
  const Buffer data = aligned(entry->data, alignof(uint64_t));
  const compression::Metadata& metadata = verified(data);
  const uint32_t graphs = metadata.subgraphs() == nullptr ? 0 : metadata.subgraphs()->size();
  for (uint32_t i = 0; i < graphs; ++i) {
    const auto* tensors = metadata.subgraphs()->Get(i)->lut_tensors();
    for (uint32_t k = 0; tensors != nullptr && k < tensors->size(); ++k) {
      const compression::LutTensor& from = *tensors->Get(k);
      const TensorId id{from.tensor()};
      if (i >= model.graphs.size() || !model.graphs[i].contains(id)) {
        fail(ErrorKind::bad_file, "metadata '{}' speaks of tensor {} of subgraph {}", kEntry,
             from.tensor(), i);
      }
      with_context([&] { return describe(model.graphs[i], id); },
                   [&] { decode(model.graphs[i].tensor(id), from, buffers, budget); });
    }
  }
  model.metadata.erase(entry);
}

}  // namespace smelt::tflite
