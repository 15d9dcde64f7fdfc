#pragma once

#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "smelt/formats/tflite/budget.h"
#include "smelt/formats/tflite/shared_pool.h"
#include "smelt/ir/attributes.h"

namespace smelt::tflite {

/// How the attributes of one op go in and out of one kind of option table.
struct OptionCodec {
  OpType op;
  uint8_t kind;  ///< the member of BuiltinOptions (or BuiltinOptions2) that the op uses
  Attributes (*read)(const void* table, Budget& budget);
  flatbuffers::Offset<void> (*write)(const Attributes& attributes, SharedPool& pool);
  bool second = false;  ///< the table stands in BuiltinOptions2
};

std::span<const OptionCodec> layer_codecs();   ///< options_layers.cpp
std::span<const OptionCodec> tensor_codecs();  ///< options_tensors.cpp

// Each kind of options is a struct with `Table`, `Attributes` and a `visit` that pairs an attribute
// with its accessors in the table, one line per field for both directions:
//   struct SoftmaxFields {
//     using Table = schema::SoftmaxOptions;
//     using Attributes = SoftmaxAttributes;
//     template <class A, class F>
//     static void visit(A& a, F&& field) {
//       field(a.beta, &Table::beta, &Table::Builder::add_beta);
//     }
//   };

namespace internal {

/// One past the last enumerator that the schema knows.
template <class E>
inline constexpr int kEnumerators = 0;
template <>
inline constexpr int kEnumerators<Padding> = 2;
template <>
inline constexpr int kEnumerators<Activation> = 6;
template <>
inline constexpr int kEnumerators<WeightsFormat> = 2;
template <>
inline constexpr int kEnumerators<OptionsFormat> = 1;
template <>
inline constexpr int kEnumerators<DataType> = kDataTypeCount;

/// Enumerations become the graph's own, those of two values possibly a bool.
template <class From, class To>
void decode(From from, To& to, Budget&) {
  if constexpr (std::is_enum_v<From>) {
    constexpr int kCount = std::is_same_v<To, bool> ? 2 : kEnumerators<To>;
    const auto value = static_cast<int64_t>(from);
    if (value < 0 || value >= kCount) {
      fail(ErrorKind::unsupported, "an option is {} where the format knows 0 to {}", value,
           kCount - 1);
    }
  }
  if constexpr (std::is_floating_point_v<From>) {
    if (std::isnan(from)) fail(ErrorKind::bad_file, "an option is NaN");
  }
  to = static_cast<To>(from);
}
template <class T>
void decode(const flatbuffers::Vector<T>* from, std::vector<T>& to, Budget& budget) {
  to = to_vector(from, budget);
  if constexpr (std::is_floating_point_v<T>) {
    for (const T value : to) {
      if (std::isnan(value)) fail(ErrorKind::bad_file, "an option is NaN");
    }
  }
}
template <class T>
void decode(const flatbuffers::Vector<T>* from, std::optional<std::vector<T>>& to, Budget& budget) {
  if (from != nullptr) to = to_vector(from, budget);
}
inline void decode(const flatbuffers::String* from, std::string& to, Budget& budget) {
  to = to_string(from, budget);
}

template <class T>
flatbuffers::uoffset_t encode_pointed(const std::vector<T>& value, SharedPool& pool) {
  return pool.optional_vector(value).o;
}
template <class T>
flatbuffers::uoffset_t encode_pointed(const std::optional<std::vector<T>>& value,
                                      SharedPool& pool) {
  return value ? pool.vector(*value).o : 0;
}
inline flatbuffers::uoffset_t encode_pointed(const std::string& value, SharedPool& pool) {
  return pool.string(value).o;
}

}  // namespace internal

/// What runtimes see where the options are missing: they start from zeros, not from the schema's
/// defaults (LiteRT and TFLite Micro allocate their parameters so).
template <class A>
A absent_options() {
  A attributes{};
  A::visit(attributes, [](std::string_view, auto& value) { value = {}; });
  return attributes;
}
template <>
inline UniqueAttributes absent_options<UniqueAttributes>() {
  return {};  // everything but int64 counts as int32
}

template <class Fields>
Attributes read_options(const void* table, Budget& budget) {
  using A = typename Fields::Attributes;
  if (table == nullptr) return absent_options<A>();
  A attributes{};
  const auto& from = *static_cast<const typename Fields::Table*>(table);
  Fields::visit(attributes, [&](auto& value, auto get, auto) {
    internal::decode((from.*get)(), value, budget);
  });
  return attributes;
}

template <class Fields>
flatbuffers::Offset<void> write_options(const Attributes& attributes, SharedPool& pool) {
  const auto& from = std::get<typename Fields::Attributes>(attributes);
  std::array<flatbuffers::uoffset_t, 4> pointed{};
  size_t count = 0;
  auto write_pointed = [&]<class V, class G, class A>(const V& value, G, A) {
    if constexpr (!std::is_arithmetic_v<V> && !std::is_enum_v<V>) {
      pointed[count++] = internal::encode_pointed(value, pool);
    }
  };
  Fields::visit(from, write_pointed);
  typename Fields::Table::Builder table(pool.builder());
  count = 0;
  auto add = [&]<class V, class G, class B, class Arg>(const V& value, G, void (B::*put)(Arg)) {
    if constexpr (!std::is_arithmetic_v<V> && !std::is_enum_v<V>) {
      const flatbuffers::uoffset_t offset = pointed[count++];
      if (offset != 0) (table.*put)(Arg(offset));
    } else {
      (table.*put)(static_cast<Arg>(value));
    }
  };
  Fields::visit(from, add);
  return table.Finish().Union();
}

}  // namespace smelt::tflite
