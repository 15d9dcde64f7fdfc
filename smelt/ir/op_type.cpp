#include "smelt/ir/op_type.h"

#include <array>

namespace smelt {
namespace {

struct Row {
  std::string_view name;
  int code;
};

constexpr std::array<Row, kOpTypeCount> kRows = {{
#define SMELT_OP(schema_name, enumerator, code, attributes) {#schema_name, code},
#include "smelt/ir/op_list.def"
#undef SMELT_OP
}};

template <class Matches>
std::optional<OpType> find(Matches&& matches) {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (matches(kRows[i])) return static_cast<OpType>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(OpType type) { return kRows[static_cast<size_t>(type)].name; }

int builtin_code(OpType type) { return kRows[static_cast<size_t>(type)].code; }

std::optional<OpType> op_type_from_builtin_code(int code) {
  if (code < 0) return std::nullopt;
  return find([&](const Row& row) { return row.code == code; });
}

std::optional<OpType> op_type_from_name(std::string_view schema_name) {
  return find([&](const Row& row) { return row.name == schema_name; });
}

}  // namespace smelt
