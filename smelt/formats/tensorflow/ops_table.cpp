#include <map>

#include "smelt/formats/tensorflow/node.h"

namespace smelt::tensorflow {

ImportOp find_op(std::string_view op) {
  static const std::map<std::string_view, ImportOp> kTable = [] {
    std::map<std::string_view, ImportOp> table;
    for (const auto& rows :
         {array_ops(), basic_ops(), control_ops(), conv_ops(), list_ops(), math_ops(), matmul_ops(),
          norm_ops(), pool_ops(), shape_ops(), slice_ops()}) {
      for (const OpRow& row : rows) table.emplace(row.op, row.import);
    }
    return table;
  }();
  const auto found = kTable.find(op);
  return found == kTable.end() ? nullptr : found->second;
}

}  // namespace smelt::tensorflow
