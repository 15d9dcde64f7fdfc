#include "smelt/formats/tflite/options.h"

#include "smelt/formats/tflite/option_codec.h"
#include "smelt/formats/tflite/reflect.h"
#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

using flatbuffers::Offset;
using flatbuffers::Table;
using flatbuffers::TypeTable;

using CodecTable = std::array<const OptionCodec*, kOpTypeCount>;

const OptionCodec* codec_of(OpType type) {
  static const CodecTable kTable = [] {
    CodecTable table{};
    for (const auto codecs : {layer_codecs(), tensor_codecs()}) {
      for (const OptionCodec& codec : codecs) table[static_cast<size_t>(codec.op)] = &codec;
    }
    return table;
  }();
  return kTable[static_cast<size_t>(type)];
}

/// The type of a union's member; null for NONE.
const TypeTable* member_type(const TypeTable& union_type, uint8_t kind) {
  if (kind == 0) return nullptr;
  if (kind >= union_type.num_elems) {
    fail(ErrorKind::unsupported, "option table of kind {} is not known", kind);
  }
  return union_type.type_refs[union_type.type_codes[kind].sequence_ref]();
}

const TypeTable* first_type(uint8_t kind) {
  return member_type(*schema::BuiltinOptionsTypeTable(), kind);
}
const TypeTable* second_type(uint8_t kind) {
  return member_type(*schema::BuiltinOptions2TypeTable(), kind);
}

bool says_nothing(const TypeTable* type, const void* table) {
  return type == nullptr || table == nullptr || type->num_elems == 0;
}

/// Copies whatever options an operator has into another builder.
WrittenOptions copy_options(const schema::Operator& op, flatbuffers::FlatBufferBuilder& to) {
  WrittenOptions copy;
  if (op.builtin_options() != nullptr) {
    copy.kind = static_cast<uint8_t>(op.builtin_options_type());
    const TypeTable* type = first_type(copy.kind);
    if (type) copy.table = copy_table(*static_cast<const Table*>(op.builtin_options()), *type, to);
  }
  if (op.builtin_options_2() != nullptr) {
    copy.kind_2 = static_cast<uint8_t>(op.builtin_options_2_type());
    const TypeTable* type = second_type(copy.kind_2);
    if (type) {
      copy.table_2 = copy_table(*static_cast<const Table*>(op.builtin_options_2()), *type, to);
    }
  }
  return copy;
}

OpaqueAttributes read_opaque(const schema::Operator& op, Budget& budget) {
  flatbuffers::FlatBufferBuilder builder(256);
  const WrittenOptions options = copy_options(op, builder);
  if (options.table.IsNull() && options.table_2.IsNull()) return {};
  schema::OperatorBuilder table(builder);
  if (!options.table.IsNull()) {
    table.add_builtin_options_type(static_cast<schema::BuiltinOptions>(options.kind));
    table.add_builtin_options(options.table);
  }
  if (!options.table_2.IsNull()) {
    table.add_builtin_options_2_type(static_cast<schema::BuiltinOptions2>(options.kind_2));
    table.add_builtin_options_2(options.table_2);
  }
  builder.Finish(table.Finish());
  budget.charge(builder.GetSize());
  return {{builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()}};
}

WrittenOptions write_opaque(const OpaqueAttributes& attributes, SharedPool& pool) {
  if (attributes.flatbuffer.empty()) return {};
  flatbuffers::Verifier verifier(attributes.flatbuffer.data(), attributes.flatbuffer.size());
  if (!verifier.VerifyBuffer<schema::Operator>(nullptr)) {
    fail(ErrorKind::bad_argument, "opaque attributes do not hold a TFLite Operator table");
  }
  return copy_options(*flatbuffers::GetRoot<schema::Operator>(attributes.flatbuffer.data()),
                      pool.builder());
}

/// Everything that attributes hold, for SharedPool::table.
struct KeyMaker {
  std::string key;

  template <class T>
  void operator()(std::string_view, const T& value) {
    add(value);
  }
  template <class T>
  void add(const T& value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  template <class T>
  void add(const std::vector<T>& values) {
    add(values.size());
    for (const T& value : values) add(value);
  }
  template <class T>
  void add(const std::optional<std::vector<T>>& values) {
    add(values.has_value());
    if (values) add(*values);
  }
  void add(const std::string& text) {
    add(text.size());
    key += text;
  }
};

/// Where the common converter writes no table, and neither do we: it would hold nothing.
bool may_leave_out(OpType type, const Attributes& attributes) {
  if (type == OpType::reshape) return !std::get<ReshapeAttributes>(attributes).new_shape;
  if (type == OpType::cast) return attributes == Attributes(absent_options<CastAttributes>());
  return false;
}

}  // namespace

Attributes read_attributes(OpType type, const schema::Operator& op, Budget& budget) {
  const auto kind = static_cast<uint8_t>(op.builtin_options_type());
  const auto kind_2 = static_cast<uint8_t>(op.builtin_options_2_type());
  const bool first_empty = says_nothing(first_type(kind), op.builtin_options());
  const bool second_empty = says_nothing(second_type(kind_2), op.builtin_options_2());
  const OptionCodec* codec = codec_of(type);
  if (codec != nullptr && codec->second && first_empty) {
    if (kind_2 == codec->kind) return codec->read(op.builtin_options_2(), budget);
    if (second_empty) return codec->read(nullptr, budget);
  }
  if (codec != nullptr && !codec->second && second_empty) {
    if (kind == codec->kind) return codec->read(op.builtin_options(), budget);
    if (first_empty) return codec->read(nullptr, budget);
  }
  const bool expects_none = std::holds_alternative<NoAttributes>(default_attributes(type));
  if (expects_none && first_empty && second_empty) return NoAttributes{};
  return read_opaque(op, budget);
}

WrittenOptions write_attributes(OpType type, const Attributes& attributes, SharedPool& pool) {
  if (const auto* opaque = std::get_if<OpaqueAttributes>(&attributes)) {
    return write_opaque(*opaque, pool);
  }
  if (std::holds_alternative<NoAttributes>(attributes) || may_leave_out(type, attributes)) {
    return {};
  }
  const OptionCodec* codec = codec_of(type);
  SMELT_CHECK(codec != nullptr);
  KeyMaker maker{.key = table_key(codec->second ? "options_2" : "options", codec->kind)};
  visit_fields(attributes, maker);
  const auto table = pool.table<void>(maker.key, [&] { return codec->write(attributes, pool); });
  if (codec->second) return {.kind_2 = codec->kind, .table_2 = table};
  return {.kind = codec->kind, .table = table};
}

}  // namespace smelt::tflite
