#include "smelt/formats/tensorflow/einsum.h"

#include <algorithm>
#include <map>

namespace smelt::tensorflow {
namespace {

struct Sizes {
  int64_t once = 1;
  int64_t probe = 1;
};

/// Letters of an operand or of the result; upper case A, B ... stand for the axes of "...".
using Letters = std::string;

bool contains(const Letters& letters, char c) { return letters.find(c) != Letters::npos; }

Letters expand(const std::string& term, int ellipsis_axes) {
  Letters letters;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == ' ') continue;
    if (term.compare(i, 3, "...") == 0) {
      for (int axis = 0; axis < ellipsis_axes; ++axis) letters += static_cast<char>('A' + axis);
      i += 2;
      continue;
    }
    const char c = term[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
      fail(ErrorKind::bad_file, "the equation holds '{}'", c);
    }
    if (c < 'a' && term.find("...") != std::string::npos) {
      fail(ErrorKind::unsupported, "capital letters beside \"...\" are not supported");
    }
    letters += c;
  }
  for (const char c : letters) {
    if (std::count(letters.begin(), letters.end(), c) > 1) {
      fail(ErrorKind::unsupported, "letter {} stands twice in one term", c);
    }
  }
  return letters;
}

class Einsum {
 public:
  Einsum(Builder& graph, const std::string& equation, std::vector<TensorId> operands)
      : graph_(graph), x_(std::move(operands)) {
    const size_t arrow = equation.find("->");
    if (arrow == std::string::npos) fail(ErrorKind::unsupported, "the equation has no \"->\"");
    std::vector<std::string> terms;
    std::string rest = equation.substr(0, arrow);
    for (size_t comma; (comma = rest.find(',')) != std::string::npos; rest.erase(0, comma + 1)) {
      terms.push_back(rest.substr(0, comma));
    }
    terms.push_back(rest);
    if (terms.size() != x_.size() || x_.empty() || x_.size() > 2) {
      fail(ErrorKind::unsupported, "equation {} of {} operands is not supported", equation,
           x_.size());
    }
    int ellipsis = 0;
    for (size_t i = 0; i < terms.size(); ++i) {
      const size_t dots = terms[i].find("...");
      if (dots == std::string::npos) continue;
      const auto spaces = std::count(terms[i].begin(), terms[i].end(), ' ');
      const int named = static_cast<int>(terms[i].size()) - 3 - static_cast<int>(spaces);
      const int axes = graph_.rank(x_[i]) - named;
      if (axes < 0 || axes > 8 || (ellipsis > 0 && ellipsis != axes)) {
        fail(ErrorKind::unsupported, "\"...\" of several sizes is not supported");
      }
      ellipsis = axes;
    }
    for (size_t i = 0; i < terms.size(); ++i) {
      letters_.push_back(expand(terms[i], ellipsis));
      note_sizes(i);
    }
    out_ = expand(equation.substr(arrow + 2), ellipsis);
    for (const char c : out_) {
      if (!sizes_.contains(c)) fail(ErrorKind::bad_file, "letter {} is in no operand", c);
    }
  }

  TensorId run() {
    for (size_t i = 0; i < x_.size(); ++i) sum_lonely(i);
    if (x_.size() == 1) return arrange(x_[0], letters_[0], out_);
    return multiply();
  }

 private:
  void note_sizes(size_t i) {
    if (static_cast<int>(letters_[i].size()) != graph_.rank(x_[i])) {
      fail(ErrorKind::bad_file, "operand {} does not fit the equation",
           to_string(graph_.shape(x_[i])));
    }
    for (size_t axis = 0; axis < letters_[i].size(); ++axis) {
      const Sizes sizes{.once = graph_.shape(x_[i])[static_cast<int>(axis)],
                        .probe = graph_.probe(x_[i]).shape[static_cast<int>(axis)]};
      Sizes& known = sizes_[letters_[i][axis]];
      known = {.once = std::max(known.once, sizes.once),
               .probe = std::max(known.probe, sizes.probe)};
    }
  }

  /// Letters that neither the result nor the other operand has.
  void sum_lonely(size_t i) {
    Letters kept;
    std::vector<int32_t> axes;
    for (size_t axis = 0; axis < letters_[i].size(); ++axis) {
      const char c = letters_[i][axis];
      const bool needed = contains(out_, c) || (x_.size() == 2 && contains(letters_[1 - i], c));
      if (needed) {
        kept += c;
      } else {
        axes.push_back(static_cast<int32_t>(axis));
      }
    }
    if (axes.empty()) return;
    x_[i] = graph_.op(OpType::sum, {x_[i], graph_.ints(axes)}, ReduceAttributes{});
    letters_[i] = kept;
  }

  TensorId arrange(TensorId x, const Letters& from, const Letters& to) {
    std::vector<int32_t> order;
    for (const char c : to) order.push_back(static_cast<int32_t>(from.find(c)));
    return graph_.transpose(x, order);
  }

  Sizes product(const Letters& letters) const {
    Sizes result;
    for (const char c : letters) {
      result.once = checked_mul(result.once, sizes_.at(c).once, "size of an operand");
      result.probe = checked_mul(result.probe, sizes_.at(c).probe, "size of an operand");
    }
    return result;
  }

  /// One axis for each letter of `single`, one for each group behind.
  TensorId group(TensorId x, const Letters& single, const std::vector<Letters>& groups) {
    std::vector<int64_t> dims, probe;
    const auto add = [&](const Sizes& sizes) {
      dims.push_back(sizes.once);
      probe.push_back(sizes.probe);
    };
    for (const char c : single) add(sizes_.at(c));
    for (const Letters& letters : groups) add(product(letters));
    if (static_cast<int>(dims.size()) == graph_.rank(x)) return x;
    return graph_.reshape(x, dims, probe);
  }

  /// Broadcast sizes of 1 are left as they are: only batch letters may have them.
  TensorId multiply() {
    Letters batch, rows, columns, summed;
    for (const char c : letters_[0]) {
      const bool both = contains(letters_[1], c);
      (both ? (contains(out_, c) ? batch : summed) : rows) += c;
    }
    for (const char c : letters_[1]) {
      if (!contains(letters_[0], c)) columns += c;
    }
    // The operand whose own letters come first in the result is the left one.
    if (!rows.empty() && !columns.empty() && out_.find(rows[0]) > out_.find(columns[0]) &&
        !graph_.is_constant(x_[1])) {
      std::swap(rows, columns);
      std::swap(letters_[0], letters_[1]);
      std::swap(x_[0], x_[1]);
    }
    batch = in_order_of(out_, batch);
    rows = in_order_of(out_, rows);
    columns = in_order_of(out_, columns);
    const Letters natural = batch + rows + columns;
    TensorId y;
    if (batch.empty() && graph_.is_constant(x_[1])) {
      y = dense(rows, columns, summed);
    } else {
      y = batched(batch, rows, columns, summed);
    }
    return arrange(ungroup(y, natural), natural, out_);
  }

  static Letters in_order_of(const Letters& order, const Letters& letters) {
    Letters result;
    for (const char c : order) {
      if (contains(letters, c)) result += c;
    }
    return result;
  }

  TensorId dense(const Letters& rows, const Letters& columns, const Letters& summed) {
    TensorId x = arrange(x_[0], letters_[0], rows + summed);
    TensorId w = arrange(x_[1], letters_[1], columns + summed);
    w = group(w, "", {columns, summed});
    // Rows stay axes of their own where a dense layer can keep them.
    x = rows.empty() ? group(x, "", {"", summed}) : group(x, rows, {summed});
    return graph_.op(OpType::fully_connected, {x, w},
                     FullyConnectedAttributes{.keep_num_dims = graph_.rank(x) > 2});
  }

  TensorId batched(const Letters& batch, const Letters& rows, const Letters& columns,
                   const Letters& summed) {
    // [batch, rows, summed] and [batch, summed, columns], or either transposed where it lies so.
    TensorId x = arrange(x_[0], letters_[0], batch + rows + summed);
    x = group(x, batch, {rows, summed});
    const bool lies_transposed = letters_[1] == batch + columns + summed;
    TensorId w = lies_transposed ? x_[1] : arrange(x_[1], letters_[1], batch + summed + columns);
    w = lies_transposed ? group(w, batch, {columns, summed}) : group(w, batch, {summed, columns});
    return graph_.op(OpType::batch_matmul, {x, w}, BatchMatMulAttributes{.adj_y = lies_transposed});
  }

  TensorId ungroup(TensorId y, const Letters& letters) {
    std::vector<int64_t> dims, probe;
    for (const char c : letters) {
      dims.push_back(sizes_.at(c).once);
      probe.push_back(sizes_.at(c).probe);
    }
    const Shape& shape = graph_.shape(y);
    if (std::equal(dims.begin(), dims.end(), shape.dims().begin(), shape.dims().end())) return y;
    return graph_.reshape(y, dims, probe);
  }

  Builder& graph_;
  std::vector<TensorId> x_;
  std::vector<Letters> letters_;
  Letters out_;
  std::map<char, Sizes> sizes_;
};

}  // namespace

TensorId einsum(Builder& graph, const std::string& equation,
                const std::vector<TensorId>& operands) {
  return Einsum(graph, equation, operands).run();
}

}  // namespace smelt::tensorflow
