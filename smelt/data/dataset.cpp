#include "smelt/data/dataset.h"

#include "smelt/base/error.h"

namespace smelt {

Shape Dataset::load(int64_t sample, int input, std::vector<float>& values) const {
  Shape shape = input_shape(input);
  values.resize(static_cast<size_t>(shape.elements()));
  read(sample, input, values);
  return shape;
}

int32_t Dataset::label(int64_t) const {
  SMELT_CHECK(!"a label of a data set that has none");
  return 0;
}

Shape Dataset::target_shape() const {
  SMELT_CHECK(!"a target of a data set that has none");
  return {};
}

void Dataset::read_target(int64_t, std::span<float>) const {
  SMELT_CHECK(!"a target of a data set that has none");
}

}  // namespace smelt
