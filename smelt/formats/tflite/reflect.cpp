#include "smelt/formats/tflite/reflect.h"

#include <flatbuffers/minireflect.h>

#include <algorithm>
#include <vector>

#include "smelt/base/error.h"

namespace smelt::tflite {
namespace {

using flatbuffers::ElementaryType;
using flatbuffers::Offset;
using flatbuffers::Table;
using flatbuffers::TypeCode;
using flatbuffers::TypeTable;
using flatbuffers::uoffset_t;
using flatbuffers::voffset_t;
using Builder = flatbuffers::FlatBufferBuilder;
using OffsetVector = flatbuffers::Vector<Offset<void>>;

voffset_t slot(size_t field) { return static_cast<voffset_t>((field + 2) * sizeof(voffset_t)); }

ElementaryType base_type(const TypeCode& code) {
  return static_cast<ElementaryType>(code.base_type);
}

/// The type that a field refers to: a table, an enumeration or a union.
const TypeTable& referred(const TypeTable& type, const TypeCode& code) {
  return *type.type_refs[code.sequence_ref]();
}

/// The table type that a union field holds; null for NONE. Its tag is the field in front of it.
const TypeTable* union_member(const Table& table, size_t field, const TypeTable& union_type) {
  const auto tag = table.GetField<uint8_t>(slot(field - 1), 0);
  if (tag >= union_type.num_elems) {
    fail(ErrorKind::unsupported, "holds kind {} of a union of {} kinds", tag, union_type.num_elems);
  }
  return tag == 0 ? nullptr : &referred(union_type, union_type.type_codes[tag]);
}

Offset<void> copy_scalars(const flatbuffers::Vector<uint8_t>& from, size_t element_size,
                          Builder& to) {
  const size_t bytes = from.size() * element_size;
  to.StartVector(from.size(), element_size);
  to.PushBytes(from.Data(), bytes);
  return Offset<void>(to.EndVector(from.size()));
}

Offset<void> copy_vector(const Table& table, size_t field, const TypeTable& type, Builder& to) {
  const TypeCode& code = type.type_codes[field];
  if (base_type(code) != flatbuffers::ET_STRING && base_type(code) != flatbuffers::ET_SEQUENCE) {
    const size_t size = flatbuffers::InlineSize(base_type(code), nullptr);
    return copy_scalars(*table.GetPointer<const flatbuffers::Vector<uint8_t>*>(slot(field)), size,
                        to);
  }
  std::vector<Offset<void>> items;
  const auto& from = *table.GetPointer<const OffsetVector*>(slot(field));
  for (uoffset_t i = 0; i < from.size(); ++i) {
    const void* item = from.GetAs<void>(i);
    if (base_type(code) == flatbuffers::ET_STRING) {
      items.push_back(to.CreateString(static_cast<const flatbuffers::String*>(item)).Union());
    } else {
      items.push_back(copy_table(*static_cast<const Table*>(item), referred(type, code), to));
    }
  }
  return to.CreateVector(items).Union();
}

/// Whatever a field points at; a null offset for fields that hold their value in place.
Offset<void> copy_pointed(const Table& table, size_t field, const TypeTable& type, Builder& to) {
  const TypeCode& code = type.type_codes[field];
  if (!table.CheckField(slot(field))) return 0;
  if (code.is_repeating) return copy_vector(table, field, type, to);
  if (base_type(code) == flatbuffers::ET_STRING) {
    return to.CreateString(table.GetPointer<const flatbuffers::String*>(slot(field))).Union();
  }
  if (base_type(code) != flatbuffers::ET_SEQUENCE) return 0;
  const TypeTable* target = &referred(type, code);
  if (target->st == flatbuffers::ST_UNION) target = union_member(table, field, *target);
  if (target == nullptr) return 0;
  return copy_table(*table.GetPointer<const Table*>(slot(field)), *target, to);
}

void copy_scalar(const Table& table, size_t field, size_t size, Builder& to) {
  switch (size) {
    case 1:
      return to.AddElement(slot(field), table.GetField<uint8_t>(slot(field), 0), uint8_t{0});
    case 2:
      return to.AddElement(slot(field), table.GetField<uint16_t>(slot(field), 0), uint16_t{0});
    case 4:
      return to.AddElement(slot(field), table.GetField<uint32_t>(slot(field), 0), uint32_t{0});
    default:
      return to.AddElement(slot(field), table.GetField<uint64_t>(slot(field), 0), uint64_t{0});
  }
}

class Surveyor {
 public:
  explicit Surveyor(const uint8_t* base) : base_(base) {}

  size_t end() const { return end_; }

  void table(const Table& table, const TypeTable& type) {
    const uint8_t* vtable = table.GetVTable();
    const auto vtable_size = flatbuffers::ReadScalar<voffset_t>(vtable);
    reach(vtable, vtable_size);
    // The verifier lets a vtable end before the size of the table's own fields.
    if (vtable_size >= 2 * sizeof(voffset_t)) {
      reach(reinterpret_cast<const uint8_t*>(&table),
            flatbuffers::ReadScalar<voffset_t>(vtable + sizeof(voffset_t)));
    }
    for (size_t i = type.num_elems; i + 2 < vtable_size / sizeof(voffset_t); ++i) {
      if (!table.CheckField(slot(i))) continue;
      fail(ErrorKind::unsupported,
           "a table holds field {} where this version of Smelt knows {} (made by newer software?)",
           i + 1, type.num_elems);
    }
    for (size_t i = 0; i < type.num_elems; ++i) {
      if (table.CheckField(slot(i))) field(table, i, type);
    }
  }

 private:
  void field(const Table& from, size_t index, const TypeTable& type) {
    const TypeCode& code = type.type_codes[index];
    if (code.is_repeating) return vector(from, index, type);
    if (base_type(code) == flatbuffers::ET_STRING) {
      const auto& text = *from.GetPointer<const flatbuffers::String*>(slot(index));
      return reach(text.Data(), size_t{text.size()} + 1);
    }
    if (base_type(code) != flatbuffers::ET_SEQUENCE) return;
    const TypeTable* target = &referred(type, code);
    if (target->st == flatbuffers::ST_UNION) target = union_member(from, index, *target);
    if (target != nullptr) table(*from.GetPointer<const Table*>(slot(index)), *target);
  }

  void vector(const Table& from, size_t index, const TypeTable& type) {
    const TypeCode& code = type.type_codes[index];
    const auto& items = *from.GetPointer<const OffsetVector*>(slot(index));
    const bool tables = base_type(code) == flatbuffers::ET_SEQUENCE;
    reach(items.Data(),
          tables ? size_t{items.size()} * sizeof(uoffset_t)
                 : size_t{items.size()} * flatbuffers::InlineSize(base_type(code), nullptr));
    for (uoffset_t i = 0; tables && i < items.size(); ++i) {
      table(*items.GetAs<Table>(i), referred(type, code));
    }
  }

  void reach(const uint8_t* begin, size_t size) {
    end_ = std::max(end_, static_cast<size_t>(begin - base_) + size);
  }

  const uint8_t* base_;
  size_t end_ = 0;
};

}  // namespace

Offset<void> copy_table(const Table& from, const TypeTable& type, Builder& to) {
  std::vector<Offset<void>> pointed(type.num_elems);
  for (size_t i = 0; i < type.num_elems; ++i) pointed[i] = copy_pointed(from, i, type, to);
  to.ForceDefaults(true);  // a stored value equal to 0 need not be the field's default
  const uoffset_t start = to.StartTable();
  for (size_t i = 0; i < type.num_elems; ++i) {
    const TypeCode& code = type.type_codes[i];
    if (!pointed[i].IsNull()) {
      to.AddOffset(slot(i), pointed[i]);
    } else if (from.CheckField(slot(i)) && !code.is_repeating &&
               base_type(code) != flatbuffers::ET_STRING &&
               base_type(code) != flatbuffers::ET_SEQUENCE) {
      copy_scalar(from, i, flatbuffers::InlineSize(base_type(code), nullptr), to);
    }
  }
  const Offset<void> end(to.EndTable(start));
  to.ForceDefaults(false);
  return end;
}

size_t survey(const uint8_t* base, const Table& root, const TypeTable& type) {
  Surveyor surveyor(base);
  surveyor.table(root, type);
  return surveyor.end();
}

}  // namespace smelt::tflite
