#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace smelt {

/// Sizes of a tensor's axes, outermost first (images NHWC, filters OHWI as in TFLite). Rank 0 is a
/// scalar. An axis may be `kUnknown` until a shape is inferred.
class Shape {
 public:
  static constexpr int32_t kUnknown = -1;

  Shape() = default;
  Shape(std::initializer_list<int32_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<int32_t> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  int32_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  int32_t& operator[](int axis) { return dims_[static_cast<size_t>(axis)]; }
  int32_t back() const { return dims_.back(); }
  const std::vector<int32_t>& dims() const { return dims_; }

  /// True where no axis is unknown.
  bool known() const;

  /// Product of the axes; 1 for a scalar. bad_file where an axis is unknown or negative, or where
  /// the product overflows int64.
  int64_t elements() const;

  /// Product of the axes in [begin, end).
  int64_t elements(int begin, int end) const;

  bool operator==(const Shape&) const = default;

 private:
  std::vector<int32_t> dims_;
};

/// "[1, 32, 32, 3]"; unknown axes print as "?".
std::string to_string(const Shape& shape);

/// NumPy broadcasting; bad_file where the shapes do not fit.
Shape broadcast(const Shape& a, const Shape& b);

/// `axis` in [-rank, rank) as one in [0, rank); bad_file otherwise.
int normalized_axis(int64_t axis, int rank);

}  // namespace smelt
