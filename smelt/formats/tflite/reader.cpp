#include <algorithm>
#include <cstring>

#include "smelt/base/file.h"
#include "smelt/formats/tflite/budget.h"
#include "smelt/formats/tflite/buffers.h"
#include "smelt/formats/tflite/compression.h"
#include "smelt/formats/tflite/options.h"
#include "smelt/formats/tflite/reflect.h"
#include "smelt/formats/tflite/tensors.h"
#include "smelt/formats/tflite/tflite.h"
#include "smelt/formats/tflite/zip_tail.h"
#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"
#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

/// What an entry of Model.operator_codes says.
struct OperatorKind {
  OpType type = OpType::custom;
  int32_t version = 1;
  std::string custom_code;
};

const schema::Model& verified_model(ByteView bytes) {
  // A flatbuffer ends before 2^31; constants of greater files stand behind it.
  const size_t size = std::min<size_t>(bytes.size(), FLATBUFFERS_MAX_BUFFER_SIZE - 1);
  flatbuffers::Verifier verifier(bytes.data(), size);
  constexpr size_t kMarkEnd = 8;
  const bool marked =
      size >= kMarkEnd && flatbuffers::BufferHasIdentifier(bytes.data(), schema::ModelIdentifier());
  if (size >= kMarkEnd && verifier.VerifyBuffer<schema::Model>(nullptr)) {
    return *schema::GetModel(bytes.data());
  }
  if (!marked) fail(ErrorKind::bad_file, "not a .tflite file: it lacks the mark TFL3");
  fail(ErrorKind::bad_file, "the flatbuffer is damaged or cut off ({} bytes)", bytes.size());
}

class Reader {
 public:
  Reader(const schema::Model& from, FileBytes file)
      : from_(from), file_(std::move(file)), budget_(file_.bytes.size()) {}

  Model read() {
    end_ = survey(file_.bytes.data(), reinterpret_cast<const flatbuffers::Table&>(from_),
                  *schema::ModelTypeTable());
    Model model;
    model.version = from_.version();
    model.description = to_string(from_.description(), budget_);
    buffers_ = read_buffers(from_, file_, end_);
    read_operator_kinds();
    read_graphs(model);
    read_signatures(model);
    read_metadata(model);
    decompress(model, buffers_, budget_);
    read_external_buffers(model);
    read_trailing_bytes(model);
    return model;
  }

 private:
  void read_operator_kinds() {
    if (from_.operator_codes() == nullptr) return;
    for (const schema::OperatorCode* from : *from_.operator_codes()) {
      budget_.charge(sizeof(OperatorKind));
      // The narrow field came first; of both the greater one counts.
      const int code =
          std::max<int>(static_cast<int>(from->builtin_code()), from->deprecated_builtin_code());
      const auto type = op_type_from_builtin_code(code);
      if (!type) fail(ErrorKind::unsupported, "operator code {} is not known", code);
      OperatorKind kind{*type, from->version(), to_string(from->custom_code(), budget_)};
      if (*type == OpType::custom && from->custom_code() == nullptr) {
        fail(ErrorKind::bad_file, "a custom operator has no name");
      }
      kinds_.push_back(std::move(kind));
    }
  }

  void read_graphs(Model& model) {
    if (from_.subgraphs() == nullptr) return;
    for (const schema::SubGraph* from : *from_.subgraphs()) {
      budget_.charge(sizeof(Graph));
      const size_t index = model.graphs.size();
      if (index == 0) {
        model.graphs.push_back(read_graph(*from));
      } else {
        model.graphs.push_back(with_context([&] { return fmt::format("subgraph {}", index); },
                                            [&] { return read_graph(*from); }));
      }
    }
  }

  Graph read_graph(const schema::SubGraph& from) {
    Graph graph;
    graph.name = to_string(from.name(), budget_);
    tensor_count_ = from.tensors() == nullptr ? 0 : static_cast<int32_t>(from.tensors()->size());
    for (int32_t i = 0; i < tensor_count_; ++i) {
      graph.add_tensor(with_context([&] { return fmt::format("tensor {}", i); },
                                    [&] {
                                      return read_tensor(
                                          *from.tensors()->Get(static_cast<uint32_t>(i)), buffers_,
                                          tensor_count_, budget_);
                                    }));
    }
    const size_t op_count = from.operators() == nullptr ? 0 : from.operators()->size();
    for (size_t i = 0; i < op_count; ++i) {
      add_op(graph, *from.operators()->Get(static_cast<uint32_t>(i)), i);
    }
    graph.set_inputs(read_ids(from.inputs(), "graph inputs"));
    graph.set_outputs(read_ids(from.outputs(), "graph outputs"));
    settle_constants(graph, from);
    return graph;
  }

  void settle_constants(Graph& graph, const schema::SubGraph& from) const {
    std::vector<bool> given(static_cast<size_t>(tensor_count_), false);
    for (const TensorId id : graph.inputs()) {
      if (id) given[static_cast<size_t>(id.value)] = true;
    }
    for (int32_t i = 0; i < tensor_count_; ++i) {
      Tensor& tensor = graph.tensor({i});
      if (tensor.is_variable || graph.producer({i})) given[static_cast<size_t>(i)] = true;
      const auto& stored = *from.tensors()->Get(static_cast<uint32_t>(i));
      tensor.is_constant =
          is_constant(tensor, buffer_of(stored, buffers_), given[static_cast<size_t>(i)]);
      if (tensor.is_constant) given[static_cast<size_t>(i)] = true;
    }
    settle_unset(graph, given);
  }

  /// LiteRT runs files in which a builtin op reads floats that nothing sets: it sees whatever the
  /// arena holds. As a variable they read as zeros. (Integers would be indices or shapes; `verify`
  /// refuses those.)
  static void settle_unset(Graph& graph, const std::vector<bool>& given) {
    for (const OpId id : graph.ops()) {
      const Op& op = graph.op(id);
      if (op.type == OpType::custom) continue;
      for (const TensorId input : op.inputs) {
        if (!input || given[static_cast<size_t>(input.value)]) continue;
        Tensor& tensor = graph.tensor(input);
        if (is_floating_point(tensor.type)) tensor.is_variable = true;
      }
    }
  }

  void add_op(Graph& graph, const schema::Operator& from, size_t index) {
    const std::string_view op_name = from.opcode_index() < kinds_.size()
                                         ? name(kinds_[from.opcode_index()].type)
                                         : std::string_view("without a kind");
    graph.add_op(with_context([&] { return fmt::format("op {} {}", index, op_name); },
                              [&] { return read_op(from); }));
  }

  Op read_op(const schema::Operator& from) {
    budget_.charge(sizeof(Op));
    if (from.opcode_index() >= kinds_.size()) {
      fail(ErrorKind::bad_file, "is of kind {} of {}", from.opcode_index(), kinds_.size());
    }
    const OperatorKind& kind = kinds_[from.opcode_index()];
    Op op;
    op.type = kind.type;
    op.version = kind.version;
    op.inputs = read_ids(from.inputs(), "operands");
    op.outputs = read_ids(from.outputs(), "results");
    op.intermediates = read_ids(from.intermediates(), "intermediates");
    for (const uint8_t mutating : to_vector(from.mutating_variable_inputs(), budget_)) {
      op.mutating_variable_inputs.push_back(mutating != 0);
    }
    if (kind.type == OpType::custom) {
      op.attributes =
          CustomAttributes{.code = kind.custom_code,
                           .options = read_custom_options(from),
                           .options_format = static_cast<int8_t>(from.custom_options_format())};
      budget_.charge(kind.custom_code.size());
    } else {
      op.attributes = read_attributes(kind.type, from, budget_);
    }
    return op;
  }

  /// Within the flatbuffer, or at a position of the file.
  std::vector<uint8_t> read_custom_options(const schema::Operator& from) {
    const uint64_t offset = from.large_custom_options_offset();
    const uint64_t size = from.large_custom_options_size();
    if (from.custom_options() != nullptr || offset <= 1) {
      return to_vector(from.custom_options(), budget_);
    }
    if (!in_range(offset, size, file_.bytes.size())) {
      fail(ErrorKind::bad_file, "{} bytes of options at position {} of a file of {} bytes", size,
           offset, file_.bytes.size());
    }
    budget_.charge(size);
    end_ = std::max(end_, static_cast<size_t>(offset + size));
    const ByteView options = file_.bytes.subspan(offset, size);
    return {options.begin(), options.end()};
  }

  std::vector<TensorId> read_ids(const flatbuffers::Vector<int32_t>* from, std::string_view what) {
    std::vector<TensorId> ids;
    for (const int32_t index : to_vector(from, budget_)) {
      if (index < -1 || index >= tensor_count_) {
        fail(ErrorKind::bad_file, "{} name tensor {} of {}", what, index, tensor_count_);
      }
      ids.push_back({index});
    }
    return ids;
  }

  void read_signatures(Model& model) {
    if (from_.signature_defs() == nullptr) return;
    for (const schema::SignatureDef* from : *from_.signature_defs()) {
      budget_.charge(sizeof(Signature));
      Signature signature;
      signature.key = to_string(from->signature_key(), budget_);
      signature.graph = from->subgraph_index();
      read_entries(from->inputs(), signature.inputs);
      read_entries(from->outputs(), signature.outputs);
      model.signatures.push_back(std::move(signature));
    }
  }

  void read_entries(const flatbuffers::Vector<flatbuffers::Offset<schema::TensorMap>>* from,
                    std::vector<Signature::Entry>& to) {
    if (from == nullptr) return;
    for (const schema::TensorMap* entry : *from) {
      budget_.charge(sizeof(Signature::Entry));
      const TensorId tensor{static_cast<int32_t>(
          std::min<uint32_t>(entry->tensor_index(), std::numeric_limits<int32_t>::max()))};
      to.push_back({to_string(entry->name(), budget_), tensor});
    }
  }

  void read_metadata(Model& model) {
    if (from_.metadata() == nullptr) return;
    for (const schema::Metadata* from : *from_.metadata()) {
      budget_.charge(sizeof(Metadata));
      Metadata entry{.name = to_string(from->name(), budget_)};
      if (from->buffer() >= buffers_.size()) {
        fail(ErrorKind::bad_file, "metadata '{}' is in buffer {} of {}", entry.name, from->buffer(),
             buffers_.size());
      }
      entry.data = buffers_[from->buffer()].data;
      model.metadata.push_back(std::move(entry));
    }
  }

  void read_external_buffers(Model& model) {
    if (from_.external_buffer_groups() != nullptr) {
      for (const schema::ExternalBufferGroup* from : *from_.external_buffer_groups()) {
        budget_.charge(sizeof(std::string));
        model.external_buffer_groups.push_back(to_string(from->name(), budget_));
      }
    }
    if (from_.external_buffers() == nullptr) return;
    for (const schema::ExternalBuffer* from : *from_.external_buffers()) {
      budget_.charge(sizeof(ExternalBuffer));
      model.external_buffers.push_back({.id = from->id(),
                                        .group = from->group(),
                                        .offset = from->offset(),
                                        .length = from->length(),
                                        .packing = to_string(from->packing(), budget_)});
    }
  }

  /// Zeros in front are the padding of whoever appended the bytes.
  void read_trailing_bytes(Model& model) const {
    const ByteView rest = file_.bytes.subspan(std::min(end_, file_.bytes.size()));
    const auto begin = std::find_if(rest.begin(), rest.end(), [](uint8_t b) { return b != 0; });
    model.trailing_bytes.assign(begin, rest.end());
    shift_zip(model.trailing_bytes, -zip_position(model.trailing_bytes));
  }

  const schema::Model& from_;
  FileBytes file_;
  Budget budget_;
  size_t end_ = 0;  ///< the first byte behind all that was read
  std::vector<StoredBuffer> buffers_;
  std::vector<OperatorKind> kinds_;
  int32_t tensor_count_ = 0;  ///< of the graph being read
};

/// The graphs that an op calls: its int attributes called "..._graph".
struct Callees {
  std::vector<size_t> graphs;
  template <class T>
  void operator()(std::string_view field, const T& value) {
    if constexpr (std::is_integral_v<T>) {
      if (field.ends_with("graph")) graphs.push_back(static_cast<size_t>(value));
    }
  }
};

/// Control flow must form a tree or share branches: a graph that calls itself never ends.
void require_no_recursion(const Model& model) {
  std::vector<std::vector<size_t>> callees(model.graphs.size());
  std::vector<size_t> callers(model.graphs.size(), 0), ready;
  for (size_t i = 0; i < model.graphs.size(); ++i) {
    Callees called;
    const Graph& graph = model.graphs[i];
    for (const OpId id : graph.ops()) visit_fields(graph.op(id).attributes, called);
    for (const size_t callee : called.graphs) ++callers[callee];
    callees[i] = std::move(called.graphs);
  }
  for (size_t i = 0; i < callers.size(); ++i) {
    if (callers[i] == 0) ready.push_back(i);
  }
  size_t settled = 0;
  for (; !ready.empty(); ++settled) {
    const size_t graph = ready.back();
    ready.pop_back();
    for (const size_t callee : callees[graph]) {
      if (--callers[callee] == 0) ready.push_back(callee);
    }
  }
  if (settled == model.graphs.size()) return;
  const auto stuck = std::find_if(callers.begin(), callers.end(), [](size_t n) { return n > 0; });
  fail(ErrorKind::bad_file, "subgraph {} calls itself through control flow",
       stuck - callers.begin());
}

}  // namespace

Model parse(ByteView bytes, std::shared_ptr<const void> owner) {
  // The parts of a flatbuffer are aligned from its start.
  constexpr size_t kWidestField = alignof(uint64_t);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kWidestField != 0) {
    const auto copy = std::make_shared<const Buffer>(Buffer::copy_of(bytes));
    bytes = copy->bytes();
    owner = copy;
  }
  const schema::Model& from = verified_model(bytes);
  Model model = Reader(from, {bytes, std::move(owner)}).read();
  model.source.format = "tflite";
  model.source.file_bytes = static_cast<int64_t>(bytes.size());
  verify(model);
  require_no_recursion(model);
  return model;
}

Model load(const std::filesystem::path& path) {
  return with_context([&] { return fmt::format("while reading {}", path.string()); },
                      [&] {
                        const auto file = MappedFile::open(path);
                        Model model = parse(file->bytes(), file);
                        model.source.path = path.string();
                        return model;
                      });
}

}  // namespace smelt::tflite
