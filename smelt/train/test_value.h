#pragma once

#include <vector>

#include "smelt/base/random.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// A value with memory of its own.
struct TestValue {
  Value value;
  std::vector<float> data, grad;

  TestValue(Shape shape, std::vector<float> values)
      : data(std::move(values)), grad(data.size(), 77.0f) {
    value.name = "y";
    value.shape = std::move(shape);
    value.size = value.shape.elements();
    value.needs_grad = true;
    value.data = data.data();
    value.grad = grad.data();
  }
  TestValue(const TestValue&) = delete;

  int64_t samples() const { return static_cast<int64_t>(data.size()) / value.size; }
};

inline std::vector<float> random_floats(int64_t count, uint64_t seed, float low = -1,
                                        float high = 1) {
  Random random(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = random.uniform(low, high);
  return values;
}

inline Parameter test_parameter(std::string name, Shape shape, std::vector<float> data,
                                ParameterKind kind = ParameterKind::kernel) {
  Parameter parameter{.name = std::move(name), .kind = kind, .shape = std::move(shape)};
  parameter.grad.resize(data.size());
  parameter.data = std::move(data);
  return parameter;
}

}  // namespace smelt::train
