#include <algorithm>
#include <cstring>
#include <tuple>

#include "smelt/base/file.h"
#include "smelt/formats/tflite/buffers.h"
#include "smelt/formats/tflite/op_version.h"
#include "smelt/formats/tflite/options.h"
#include "smelt/formats/tflite/shared_pool.h"
#include "smelt/formats/tflite/tensors.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/formats/tflite/zip_tail.h"
#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"
#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
template <class T>
using OffsetVector = Offset<flatbuffers::Vector<Offset<T>>>;

/// A memory plan made elsewhere (Vela): TFLite Micro refuses the model where the third of its
/// numbers is not how many tensors all graphs have.
bool plan_is_stale(const Metadata& plan, const Model& model) {
  constexpr size_t kCount = 2, kNumbers = 3;
  int32_t numbers[kNumbers];
  if (plan.data.size() < sizeof(numbers)) return true;
  std::memcpy(numbers, plan.data.bytes().data(), sizeof(numbers));
  size_t tensors = 0;
  for (const Graph& graph : model.graphs) tensors += graph.tensors().size();
  return tensors != static_cast<size_t>(numbers[kCount]);
}

bool keeps(const Metadata& entry, const Model& model, const SaveOptions& options) {
  const bool plan = entry.name == "OfflineMemoryAllocation";
  if (plan && plan_is_stale(entry, model)) return false;
  const bool of_source =
      plan || entry.name == "min_runtime_version" || entry.name == "CONVERSION_METADATA";
  return options.source_metadata || !of_source;
}

/// Operator kinds in the order of first use, each once.
class OperatorKinds {
 public:
  uint32_t add(const Graph& graph, OpId id) {
    const Op& op = graph.op(id);
    if (builtin_code(op.type) < 0) {
      fail(ErrorKind::unsupported,
           "{}: exists only in training form; turn the model into inference form first",
           describe(graph, id));
    }
    const auto* custom = std::get_if<CustomAttributes>(&op.attributes);
    const int32_t version = std::max(op.version, required_version(graph, op));
    Kind kind{builtin_code(op.type), custom ? custom->code : "", version};
    const auto [found, inserted] = index_.try_emplace(std::move(kind), index_.size());
    if (inserted) kinds_.push_back(&found->first);
    return static_cast<uint32_t>(found->second);
  }

  OffsetVector<schema::OperatorCode> write(SharedPool& pool) const {
    constexpr int kLastOldCode = 127;  // of the field that newer codes do not fit
    std::vector<Offset<schema::OperatorCode>> tables;
    for (const Kind* kind : kinds_) {
      const auto& [code, custom_code, version] = *kind;
      Offset<flatbuffers::String> name;
      if (code == builtin_code(OpType::custom)) name = pool.string(custom_code);
      tables.push_back(schema::CreateOperatorCode(
          pool.builder(), static_cast<int8_t>(std::min(code, kLastOldCode)), name, version,
          static_cast<schema::BuiltinOperator>(code)));
    }
    return pool.builder().CreateVector(tables);
  }

 private:
  using Kind = std::tuple<int, std::string, int32_t>;
  std::map<Kind, size_t> index_;
  std::vector<const Kind*> kinds_;
};

/// Writes everything but the constants, which stand in a BufferTable.
class Writer {
 public:
  Writer(const Model& model, const SaveOptions& options) : model_(model), options_(options) {
    for (const Graph& graph : model.graphs) collect(graph);
    for (const Metadata& entry : model.metadata) {
      if (!keeps(entry, model, options)) continue;
      metadata_.push_back({&entry, entry.data.empty() ? 0 : buffers_.add_inline(entry.data)});
    }
  }

  const BufferTable& buffers() const { return buffers_; }

  /// An upper bound on what `write` adds to the content of the buffers.
  uint64_t table_bytes() const {
    uint64_t bytes = 4096;
    for (const Graph& graph : model_.graphs) {
      for (const TensorId id : graph.tensors()) bytes += tensor_bytes(graph.tensor(id));
      for (const OpId id : graph.ops()) bytes += op_bytes(graph.op(id));
    }
    for (const Metadata& entry : model_.metadata) bytes += 64 + entry.name.size();
    return bytes;
  }

  void write(FlatBufferBuilder& builder, OffsetVector<schema::Buffer> buffers) {
    SharedPool pool(builder);
    OperatorKinds kinds;
    std::vector<Offset<schema::SubGraph>> graphs;
    for (size_t i = 0; i < model_.graphs.size(); ++i) graphs.push_back(write_graph(i, kinds, pool));
    const auto graph_list = builder.CreateVector(graphs);
    const auto kind_list = kinds.write(pool);
    const auto metadata = write_metadata(pool);
    const auto signatures = write_signatures(pool);
    const auto groups = write_external_groups(pool);
    const auto external = write_external_buffers(pool);
    const auto description = pool.optional_string(model_.description);
    const auto root =
        schema::CreateModel(builder, model_.version, kind_list, graph_list, description, buffers, 0,
                            metadata, signatures, groups, external);
    builder.Finish(root, schema::ModelIdentifier());
  }

 private:
  static uint64_t tensor_bytes(const Tensor& tensor) {
    const Quantization& q = tensor.quantization;
    uint64_t bytes = 256 + tensor.name.size() + 8 * tensor.shape.dims().size();
    bytes += 12 * q.scale.size() + 4 * (q.min.size() + q.max.size());
    bytes += 64 * tensor.variant_elements.size();
    if (const auto* custom = std::get_if<CustomQuantization>(&q.details)) {
      bytes += custom->bytes.size();
    }
    if (tensor.sparsity) {
      for (const Sparsity::Dimension& level : tensor.sparsity->dimensions) {
        auto size = [](const auto& values) -> uint64_t {
          if constexpr (requires { values.size(); }) return 4 * values.size();
          return 0;
        };
        bytes += 64 + std::visit(size, level.segments) + std::visit(size, level.indices);
      }
    }
    return bytes;
  }

  static uint64_t op_bytes(const Op& op) {
    uint64_t bytes = 256 + 5 * (op.inputs.size() + op.outputs.size() + op.intermediates.size());
    if (const auto* custom = std::get_if<CustomAttributes>(&op.attributes)) {
      bytes += custom->options.size() + custom->code.size();
    }
    if (const auto* opaque = std::get_if<OpaqueAttributes>(&op.attributes)) {
      bytes += opaque->flatbuffer.size();
    }
    return bytes;
  }

  void collect(const Graph& graph) {
    auto& places = places_.emplace_back();
    auto& buffer_of = buffer_of_.emplace_back();
    for (const TensorId id : graph.tensors()) {
      if (static_cast<size_t>(id.value) >= places.size()) {
        places.resize(static_cast<size_t>(id.value) + 1, -1);
      }
      places[static_cast<size_t>(id.value)] = static_cast<int32_t>(buffer_of.size());
      const Tensor& tensor = graph.tensor(id);
      const bool has_buffer = tensor.is_constant || !tensor.data.empty();
      buffer_of.push_back(has_buffer ? buffers_.add(tensor.data) : 0);
    }
  }

  int32_t place(size_t graph, TensorId id) const {
    const auto& places = places_[graph];
    const bool known = id && static_cast<size_t>(id.value) < places.size();
    return known ? places[static_cast<size_t>(id.value)] : -1;
  }

  Offset<flatbuffers::Vector<int32_t>> write_ids(size_t graph, const std::vector<TensorId>& ids,
                                                 SharedPool& pool) const {
    std::vector<int32_t> indices;
    for (const TensorId id : ids) indices.push_back(place(graph, id));
    return pool.vector(indices);
  }

  Offset<schema::SubGraph> write_graph(size_t index, OperatorKinds& kinds, SharedPool& pool) const {
    const Graph& graph = model_.graphs[index];
    auto index_of = [&](TensorId id) { return place(index, id); };
    std::vector<Offset<schema::Tensor>> tensors;
    for (const TensorId id : graph.tensors()) {
      tensors.push_back(write_tensor(graph.tensor(id), options_.names,
                                     buffer_of_[index][tensors.size()], index_of, pool));
    }
    std::vector<Offset<schema::Operator>> ops;
    for (const OpId id : graph.ops()) {
      ops.push_back(write_op(index, graph.op(id), kinds.add(graph, id), pool));
    }
    FlatBufferBuilder& builder = pool.builder();
    const auto tensor_list = builder.CreateVector(tensors);
    const auto op_list = builder.CreateVector(ops);
    const auto inputs = write_ids(index, graph.inputs(), pool);
    const auto outputs = write_ids(index, graph.outputs(), pool);
    Offset<flatbuffers::String> name;
    if (options_.names) name = pool.optional_string(graph.name);
    return schema::CreateSubGraph(builder, tensor_list, inputs, outputs, op_list, name);
  }

  Offset<schema::Operator> write_op(size_t graph, const Op& op, uint32_t kind,
                                    SharedPool& pool) const {
    WrittenOptions options;
    Offset<flatbuffers::Vector<uint8_t>> custom_options;
    auto format = schema::CustomOptionsFormat::FLEXBUFFERS;
    if (const auto* custom = std::get_if<CustomAttributes>(&op.attributes)) {
      custom_options = pool.optional_vector(custom->options);
      format = static_cast<schema::CustomOptionsFormat>(custom->options_format);
    } else {
      options = write_attributes(op.type, op.attributes, pool);
    }
    const auto inputs = write_ids(graph, op.inputs, pool);
    const auto outputs = write_ids(graph, op.outputs, pool);
    Offset<flatbuffers::Vector<int32_t>> intermediates;
    if (!op.intermediates.empty()) intermediates = write_ids(graph, op.intermediates, pool);
    const auto mutating = pool.optional_vector(std::vector<uint8_t>(
        op.mutating_variable_inputs.begin(), op.mutating_variable_inputs.end()));

    schema::OperatorBuilder table(pool.builder());
    table.add_opcode_index(kind);
    table.add_inputs(inputs);
    table.add_outputs(outputs);
    table.add_builtin_options_type(static_cast<schema::BuiltinOptions>(options.kind));
    table.add_builtin_options(options.table);
    table.add_custom_options(custom_options);
    table.add_custom_options_format(format);
    table.add_mutating_variable_inputs(mutating);
    table.add_intermediates(intermediates);
    table.add_builtin_options_2_type(static_cast<schema::BuiltinOptions2>(options.kind_2));
    table.add_builtin_options_2(options.table_2);
    return table.Finish();
  }

  OffsetVector<schema::Metadata> write_metadata(SharedPool& pool) const {
    if (metadata_.empty()) return 0;
    std::vector<Offset<schema::Metadata>> tables;
    for (const auto& [entry, buffer] : metadata_) {
      const auto name = pool.string(entry->name);
      tables.push_back(schema::CreateMetadata(pool.builder(), name, buffer));
    }
    return pool.builder().CreateVector(tables);
  }

  OffsetVector<schema::TensorMap> write_entries(const Signature& signature,
                                                const std::vector<Signature::Entry>& entries,
                                                SharedPool& pool) const {
    std::vector<Offset<schema::TensorMap>> tables;
    for (const Signature::Entry& entry : entries) {
      const auto index = static_cast<uint32_t>(place(signature.graph, entry.tensor));
      tables.push_back(schema::CreateTensorMap(pool.builder(), pool.string(entry.name), index));
    }
    return pool.builder().CreateVector(tables);
  }

  OffsetVector<schema::SignatureDef> write_signatures(SharedPool& pool) const {
    if (model_.signatures.empty()) return 0;
    std::vector<Offset<schema::SignatureDef>> tables;
    for (const Signature& signature : model_.signatures) {
      const auto inputs = write_entries(signature, signature.inputs, pool);
      const auto outputs = write_entries(signature, signature.outputs, pool);
      const auto key = pool.string(signature.key);
      tables.push_back(
          schema::CreateSignatureDef(pool.builder(), inputs, outputs, key, signature.graph));
    }
    return pool.builder().CreateVector(tables);
  }

  OffsetVector<schema::ExternalBufferGroup> write_external_groups(SharedPool& pool) const {
    if (model_.external_buffer_groups.empty()) return 0;
    std::vector<Offset<schema::ExternalBufferGroup>> tables;
    for (const std::string& name : model_.external_buffer_groups) {
      tables.push_back(schema::CreateExternalBufferGroup(pool.builder(), pool.string(name)));
    }
    return pool.builder().CreateVector(tables);
  }

  OffsetVector<schema::ExternalBuffer> write_external_buffers(SharedPool& pool) const {
    if (model_.external_buffers.empty()) return 0;
    std::vector<Offset<schema::ExternalBuffer>> tables;
    for (const ExternalBuffer& buffer : model_.external_buffers) {
      const auto packing = pool.optional_string(buffer.packing);
      tables.push_back(schema::CreateExternalBuffer(pool.builder(), buffer.id, buffer.group,
                                                    buffer.offset, buffer.length, packing));
    }
    return pool.builder().CreateVector(tables);
  }

  struct KeptMetadata {
    const Metadata* entry;
    uint32_t buffer;
  };

  const Model& model_;
  const SaveOptions& options_;
  BufferTable buffers_;
  std::vector<std::vector<int32_t>> places_;      ///< by graph and tensor id: the index in the file
  std::vector<std::vector<uint32_t>> buffer_of_;  ///< by graph and that index
  std::vector<KeptMetadata> metadata_;
};

/// The parts of a file, in order.
struct File {
  FlatBufferBuilder flatbuffer{1024};
  std::vector<Gap> gaps;  ///< in the flatbuffer, from its end to its begin
  std::vector<Buffer> outside;
  std::vector<uint8_t> trailing;
};

constexpr uint64_t kAlignment = BufferTable::kAlignment;
uint64_t padding_after(uint64_t bytes) { return (kAlignment - bytes % kAlignment) % kAlignment; }

File build(const Model& model, const SaveOptions& options) {
  verify(model);
  Writer writer(model, options);
  const uint64_t tables = writer.table_bytes(), content = writer.buffers().bytes();
  File file;
  file.trailing = model.trailing_bytes;
  uint64_t size = 0;
  if (tables + content <= options.inline_limit) {
    file.flatbuffer = FlatBufferBuilder(tables + content);
    writer.write(file.flatbuffer, writer.buffers().write_inline(file.flatbuffer, file.gaps));
    size = file.flatbuffer.GetSize();
  } else {
    // Positions of constants depend on the size of the tables, which does not depend on them.
    writer.write(file.flatbuffer, writer.buffers().write_outside(file.flatbuffer, kAlignment));
    const uint64_t begin = file.flatbuffer.GetSize() + padding_after(file.flatbuffer.GetSize());
    file.flatbuffer.Clear();
    writer.write(file.flatbuffer, writer.buffers().write_outside(file.flatbuffer, begin));
    SMELT_CHECK(file.flatbuffer.GetSize() + padding_after(file.flatbuffer.GetSize()) == begin);
    file.outside = writer.buffers().outside();
    size = begin;
    for (const Buffer& buffer : file.outside) size += buffer.size() + padding_after(buffer.size());
  }
  shift_zip(file.trailing, static_cast<int64_t>(size));
  return file;
}

/// Hands the file to `put(bytes)`, piece by piece.
template <class Put>
void emit(const File& file, Put&& put) {
  static constexpr uint8_t kZeros[kAlignment] = {};
  const ByteView flatbuffer(file.flatbuffer.GetBufferPointer(), file.flatbuffer.GetSize());
  size_t done = 0;
  for (auto gap = file.gaps.rbegin(); gap != file.gaps.rend(); ++gap) {
    const size_t begin = flatbuffer.size() - gap->from_end;
    put(flatbuffer.subspan(done, begin - done));
    put(gap->data.bytes());
    done = begin + gap->data.size();
  }
  put(flatbuffer.subspan(done));
  if (!file.outside.empty()) put(ByteView(kZeros, padding_after(file.flatbuffer.GetSize())));
  for (const Buffer& buffer : file.outside) {
    put(buffer.bytes());
    put(ByteView(kZeros, padding_after(buffer.size())));
  }
  put(ByteView(file.trailing));
}

}  // namespace

std::vector<uint8_t> serialize(const Model& model, const SaveOptions& options) {
  const File file = build(model, options);
  std::vector<uint8_t> bytes;
  emit(file, [&](ByteView piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
  return bytes;
}

int64_t file_bytes(const Model& model, const SaveOptions& options) {
  int64_t size = 0;
  emit(build(model, options), [&](ByteView piece) { size += static_cast<int64_t>(piece.size()); });
  return size;
}

int64_t save(const Model& model, const std::filesystem::path& path, const SaveOptions& options) {
  const File file = with_context([&] { return fmt::format("while writing {}", path.string()); },
                                 [&] { return build(model, options); });
  AtomicFile target(path);
  int64_t size = 0;
  emit(file, [&](ByteView piece) {
    target.write(piece);
    size += static_cast<int64_t>(piece.size());
  });
  target.commit();
  return size;
}

}  // namespace smelt::tflite
