#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/formats/common/graph_writer.h"

namespace smelt::keras {

/// The subscripts of an Einstein sum over two operands: a letter per axis.
struct Equation {
  std::string x, y, out;
};

/// "ab,bc->ac"; "..." stands for as many axes as an operand of rank `x_rank` has besides the
/// letters (of x and of the result; y has none), which get letters from '0' on.
/// bad_file where the text is malformed, unsupported where a letter stands twice in one operand.
Equation parse_equation(std::string_view text, int x_rank);

/// The labels by what becomes of them, each in the order of the result (summed: of y).
struct Contraction {
  std::string shared;  ///< of x, y and result
  std::string left;    ///< of x and result
  std::string right;   ///< of y and result
  std::string summed;  ///< of x and y
};
Contraction contraction_of(const Equation& equation);

/// Sizes of labels in a shape; bad_file where two do not fit.
void add_sizes(std::map<char, int32_t>& sizes, const std::string& labels, const Shape& shape);

/// x with its axes in the order of the groups' labels, each group joined to one axis.
TensorId arranged(GraphWriter& graph, TensorId x, const std::string& labels,
                  const std::vector<std::string>& groups);
/// x, an axis per group, with an axis per label in the order `out`.
TensorId rearranged(GraphWriter& graph, TensorId x, const std::vector<std::string>& groups,
                    const std::map<char, int32_t>& sizes, const std::string& out);

/// x with the labels that are in neither of the others summed up; they leave `labels`.
TensorId sum_lonely(GraphWriter& graph, TensorId x, std::string& labels, const std::string& others);

/// By BATCH_MATMUL; y may be a constant.
TensorId einsum(GraphWriter& graph, std::string_view equation, TensorId x, TensorId y);
TensorId einsum(GraphWriter& graph, Equation equation, TensorId x, TensorId y);

}  // namespace smelt::keras
