#include "smelt/ir/shape.h"

#include <algorithm>

#include "smelt/base/bytes.h"

namespace smelt {

bool Shape::known() const {
  return std::all_of(dims_.begin(), dims_.end(), [](int32_t d) { return d >= 0; });
}

int64_t Shape::elements() const { return elements(0, rank()); }

int64_t Shape::elements(int begin, int end) const {
  int64_t product = 1;
  for (int i = begin; i < end; ++i) {
    product = checked_mul(product, (*this)[i], "number of elements of a tensor");
  }
  return product;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) text += ", ";
    text += shape[i] == Shape::kUnknown ? "?" : std::to_string(shape[i]);
  }
  return text + "]";
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int32_t> dims(static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank());
    const int ib = i - (rank - b.rank());
    const int32_t da = ia < 0 ? 1 : a[ia];
    const int32_t db = ib < 0 ? 1 : b[ib];
    if (da != db && da != 1 && db != 1) {
      fail(ErrorKind::bad_file, "shapes {} and {} do not broadcast", to_string(a), to_string(b));
    }
    dims[static_cast<size_t>(i)] = da == 1 ? db : da;
  }
  return Shape(std::move(dims));
}

int normalized_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail(ErrorKind::bad_file, "axis {} is outside of rank {}", axis, rank);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace smelt
