#include "smelt/formats/keras/einsum.h"

#include <algorithm>

#include "smelt/formats/common/compose.h"

namespace smelt::keras {
namespace {

bool contains(const std::string& labels, char label) {
  return labels.find(label) != std::string::npos;
}

/// The letters with "..." replaced.
std::string expanded(std::string_view text, const std::string& elided) {
  std::string labels;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "...") {
      labels += elided;
      i += 2;
    } else if (text[i] != ' ') {
      labels += text[i];
    }
  }
  for (const char label : labels) {
    const bool letter =
        (label >= 'a' && label <= 'z') || (label >= 'A' && label <= 'Z') || contains(elided, label);
    if (!letter) fail(ErrorKind::bad_file, "the equation is malformed at '{}'", label);
    if (std::count(labels.begin(), labels.end(), label) > 1) {
      fail(ErrorKind::unsupported, "an equation with '{}' twice in one operand is not supported",
           label);
    }
  }
  return labels;
}

std::string joined(const std::vector<std::string>& groups) {
  std::string labels;
  for (const std::string& group : groups) labels += group;
  return labels;
}

std::vector<int32_t> order_of(const std::string& from, const std::string& to) {
  std::vector<int32_t> order;
  for (const char label : to) order.push_back(static_cast<int32_t>(from.find(label)));
  return order;
}

/// Reshapes to `dims` unless that is the shape already.
TensorId shaped(GraphWriter& graph, TensorId x, const std::vector<int32_t>& dims) {
  if (graph.shape(x).dims() == dims) return x;
  return reshape(graph, x, {dims.begin() + 1, dims.end()});
}

}  // namespace

Equation parse_equation(std::string_view text, int x_rank) {
  const size_t comma = text.find(',');
  const size_t arrow = text.find("->");
  if (comma == std::string_view::npos || arrow == std::string_view::npos || comma > arrow) {
    fail(ErrorKind::bad_file, "the equation \"{}\" is malformed", text);
  }
  const std::string_view x = text.substr(0, comma);
  std::string elided;
  if (x.find("...") != std::string_view::npos) {
    const auto letters = static_cast<int>(expanded(x, "").size());
    for (int i = letters; i < x_rank && elided.size() < 8; ++i) {
      elided += static_cast<char>('0' + elided.size());
    }
  }
  Equation equation{expanded(x, elided), expanded(text.substr(comma + 1, arrow - comma - 1), ""),
                    expanded(text.substr(arrow + 2), elided)};
  if (static_cast<int>(equation.x.size()) != x_rank) {
    fail(ErrorKind::bad_file, "the equation \"{}\" does not fit an operand of rank {}", text,
         x_rank);
  }
  for (const char label : equation.out) {
    if (!contains(equation.x, label) && !contains(equation.y, label)) {
      fail(ErrorKind::bad_file, "the equation \"{}\" does not say what '{}' is", text, label);
    }
  }
  return equation;
}

Contraction contraction_of(const Equation& equation) {
  Contraction result;
  for (const char label : equation.out) {
    const bool in_x = contains(equation.x, label);
    const bool in_y = contains(equation.y, label);
    (in_x && in_y ? result.shared : in_x ? result.left : result.right) += label;
  }
  for (const char label : equation.y) {
    if (contains(equation.x, label) && !contains(equation.out, label)) result.summed += label;
  }
  return result;
}

void add_sizes(std::map<char, int32_t>& sizes, const std::string& labels, const Shape& shape) {
  if (static_cast<int>(labels.size()) != shape.rank()) {
    fail(ErrorKind::bad_file, "an operand {} does not fit the equation", to_string(shape));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    const int32_t size = shape[static_cast<int>(i)];
    if (sizes.emplace(labels[i], size).first->second != size) {
      fail(ErrorKind::bad_file, "axis '{}' of the equation has {} and {} cells", labels[i],
           sizes[labels[i]], size);
    }
  }
}

TensorId arranged(GraphWriter& graph, TensorId x, const std::string& labels,
                  const std::vector<std::string>& groups) {
  std::map<char, int32_t> sizes;
  add_sizes(sizes, labels, graph.shape(x));
  std::vector<int32_t> dims;
  for (const std::string& group : groups) {
    int64_t size = 1;
    for (const char label : group) size = checked_mul(size, sizes.at(label), "an axis");
    dims.push_back(static_cast<int32_t>(size));
  }
  return shaped(graph, transpose(graph, x, order_of(labels, joined(groups))), dims);
}

TensorId rearranged(GraphWriter& graph, TensorId x, const std::vector<std::string>& groups,
                    const std::map<char, int32_t>& sizes, const std::string& out) {
  const std::string labels = joined(groups);
  std::vector<int32_t> dims;
  for (const char label : labels) dims.push_back(sizes.at(label));
  if (dims.empty()) fail(ErrorKind::unsupported, "an equation without result axes");
  return transpose(graph, shaped(graph, x, dims), order_of(labels, out));
}

TensorId sum_lonely(GraphWriter& graph, TensorId x, std::string& labels,
                    const std::string& others) {
  std::vector<int32_t> axes;
  std::string kept;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (contains(others, labels[i])) {
      kept += labels[i];
    } else {
      axes.push_back(static_cast<int32_t>(i));
    }
  }
  labels = kept;
  return axes.empty() ? x : reduce(graph, OpType::sum, x, axes, false);
}

TensorId einsum(GraphWriter& graph, Equation equation, TensorId x, TensorId y) {
  std::map<char, int32_t> sizes;
  add_sizes(sizes, equation.x, graph.shape(x));
  add_sizes(sizes, equation.y, graph.shape(y));
  x = sum_lonely(graph, x, equation.x, equation.y + equation.out);
  y = sum_lonely(graph, y, equation.y, equation.x + equation.out);
  Contraction c = contraction_of(equation);
  // [first of the shared, the other shared], or in front of them what only x has: the batch.
  std::vector<std::string> x_groups, y_groups;
  if (!c.left.empty() && !c.shared.empty() && c.left.front() == equation.out.front()) {
    x_groups.push_back(c.left.substr(0, 1));
    c.left.erase(0, 1);
  }
  if (!c.shared.empty()) {
    y_groups.push_back(c.shared.substr(0, 1));
    if (c.shared.size() > 1) y_groups.push_back(c.shared.substr(1));
  }
  x_groups.insert(x_groups.end(), y_groups.begin(), y_groups.end());
  std::vector<std::string> result = x_groups;
  result.insert(result.end(), {c.left, c.right});
  x_groups.insert(x_groups.end(), {c.left, c.summed});
  // y may stand with its rows or its columns summed over: what needs no transpose.
  const bool columns = equation.y == c.shared + c.right + c.summed && !c.summed.empty();
  y_groups.insert(y_groups.end(), {columns ? c.right : c.summed, columns ? c.summed : c.right});
  const TensorId product = matmul(graph, arranged(graph, x, equation.x, x_groups),
                                  arranged(graph, y, equation.y, y_groups), columns);
  return rearranged(graph, product, result, sizes, equation.out);
}

TensorId einsum(GraphWriter& graph, std::string_view equation, TensorId x, TensorId y) {
  return einsum(graph, parse_equation(equation, graph.shape(x).rank()), x, y);
}

}  // namespace smelt::keras
