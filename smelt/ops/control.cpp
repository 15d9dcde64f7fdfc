#include "smelt/ops/families.h"

namespace smelt {
namespace {

OpDef any_results(OpDef def) {
  def.min_outputs = 0;
  def.max_outputs = -1;
  return def;
}

constexpr std::string_view kControl = "it only passes tensors to other subgraphs";

}  // namespace

// Arity only: shapes are those of the subgraphs that are called, or of the variable.
void define_control(OpTable& table) {
  table[OpType::if_] = any_results(row(1, -1, nullptr, float_only(kControl)));
  table[OpType::while_] = any_results(row(1, -1, nullptr, float_only(kControl)));
  table[OpType::call] = any_results(row(0, -1, nullptr, float_only(kControl)));
  table[OpType::stablehlo_composite] = any_results(row(1, -1, nullptr, float_only(kControl)));
  table[OpType::call_once] = any_results(row(0, 0, nullptr, float_only(kControl)));
  table[OpType::call_once].max_outputs = 0;

  table[OpType::var_handle] = row(0, 0, nullptr, float_only(kStateful));
  table[OpType::read_variable] = row(1, 1, nullptr, float_only(kStateful));
  table[OpType::assign_variable] = row(2, 2, nullptr, float_only(kStateful));
  table[OpType::assign_variable].min_outputs = table[OpType::assign_variable].max_outputs = 0;
}

}  // namespace smelt
