#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace smelt {

/// What an op is; one enumerator per row of op_list.def.
enum class OpType : int16_t {
#define SMELT_OP(schema_name, enumerator, code, attributes) enumerator,
#include "smelt/ir/op_list.def"
#undef SMELT_OP
};

inline constexpr int kOpTypeCount = 0
#define SMELT_OP(schema_name, enumerator, code, attributes) +1
#include "smelt/ir/op_list.def"
#undef SMELT_OP
    ;

/// "CONV_2D": the schema's spelling, which users know.
std::string_view name(OpType type);

/// BuiltinOperator of the TFLite schema, or -1 for ops in training form.
int builtin_code(OpType type);

/// The op with that code; nothing for a code that the schema does not know.
std::optional<OpType> op_type_from_builtin_code(int code);
std::optional<OpType> op_type_from_name(std::string_view schema_name);

}  // namespace smelt
