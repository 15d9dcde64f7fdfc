#include "smelt/formats/tensorflow/node.h"

#include <limits>

namespace smelt::tensorflow {
namespace {

int32_t narrow(int64_t value, std::string_view what) {
  // Slices say "to the end" with the largest number.
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int32_t>::min();
  if (value == std::numeric_limits<int64_t>::max()) return static_cast<int32_t>(kMax);
  if (value < kMin || value > kMax) fail(ErrorKind::unsupported, "{} {} is too large", what, value);
  return static_cast<int32_t>(value);
}

}  // namespace

const proto::AttrValue* AttributeReader::find(const std::string& name) const {
  const auto found = def_.attr().find(name);
  return found == def_.attr().end() ? nullptr : &found->second;
}

int64_t AttributeReader::integer(const std::string& name, int64_t fallback) const {
  const proto::AttrValue* value = find(name);
  return value == nullptr ? fallback : value->i();
}

float AttributeReader::number(const std::string& name, float fallback) const {
  const proto::AttrValue* value = find(name);
  return value == nullptr ? fallback : value->f();
}

bool AttributeReader::flag(const std::string& name, bool fallback) const {
  const proto::AttrValue* value = find(name);
  return value == nullptr ? fallback : value->b();
}

std::string AttributeReader::text(const std::string& name, std::string fallback) const {
  const proto::AttrValue* value = find(name);
  return value == nullptr || value->s().empty() ? fallback : value->s();
}

std::vector<int32_t> AttributeReader::ints(const std::string& name) const {
  std::vector<int32_t> result;
  const proto::AttrValue* value = find(name);
  if (value == nullptr) return result;
  for (const int64_t i : value->list().i()) result.push_back(narrow(i, name));
  return result;
}

std::vector<float> AttributeReader::floats(const std::string& name) const {
  const proto::AttrValue* value = find(name);
  if (value == nullptr) return {};
  return {value->list().f().begin(), value->list().f().end()};
}

std::vector<std::string> AttributeReader::texts(const std::string& name) const {
  const proto::AttrValue* value = find(name);
  if (value == nullptr) return {};
  return {value->list().s().begin(), value->list().s().end()};
}

int32_t AttributeReader::tf_type(const std::string& name, TfType fallback) const {
  const proto::AttrValue* value = find(name);
  return value == nullptr ? static_cast<int32_t>(fallback) : value->type();
}

std::string AttributeReader::function(const std::string& name) const {
  const proto::AttrValue* value = find(name);
  if (value == nullptr || value->func().name().empty()) {
    fail(ErrorKind::bad_file, "the function \"{}\" is missing", name);
  }
  return value->func().name();
}

TensorId Node::input(size_t i) const {
  if (i >= inputs.size()) fail(ErrorKind::bad_file, "operand {} is missing", i);
  if (inputs[i].kind != Value::Kind::tensor) {
    fail(ErrorKind::unsupported, "operand {} is no tensor", i);
  }
  return inputs[i].id;
}

std::vector<TensorId> Node::tensors(size_t begin, size_t end) const {
  std::vector<TensorId> result;
  for (size_t i = begin; i < end; ++i) result.push_back(input(i));
  return result;
}

std::vector<int64_t> Node::integers(size_t i, std::string_view what) const {
  const auto values = graph.values(input(i));
  if (!values) {
    fail(ErrorKind::unsupported, "{} is computed while the model runs; it has to be constant",
         what);
  }
  return *values;
}

std::vector<int32_t> Node::ints(size_t i, std::string_view what) const {
  std::vector<int32_t> result;
  for (const int64_t value : integers(i, what)) result.push_back(narrow(value, what));
  return result;
}

int64_t Node::integer(size_t i, std::string_view what) const {
  const std::vector<int64_t> values = integers(i, what);
  if (values.size() != 1) fail(ErrorKind::bad_file, "{} is not one number", what);
  return values[0];
}

std::vector<float> Node::numbers(size_t i, std::string_view what) const {
  const Tensor& tensor = graph.tensor(input(i));
  if (!tensor.is_constant || tensor.type != DataType::float32) {
    fail(ErrorKind::unsupported, "{} is computed while the model runs; it has to be constant",
         what);
  }
  const auto values = tensor.data.as<float>();
  return {values.begin(), values.end()};
}

float Node::number(size_t i, std::string_view what) const {
  const std::vector<float> values = numbers(i, what);
  if (values.size() != 1) fail(ErrorKind::bad_file, "{} is not one number", what);
  return values[0];
}

TensorId channels_last(Builder& graph, TensorId x) {
  std::vector<int32_t> order{0};
  for (int32_t axis = 2; axis < graph.rank(x); ++axis) order.push_back(axis);
  order.push_back(1);
  return graph.transpose(x, order);
}

TensorId channels_first(Builder& graph, TensorId x) {
  const int32_t rank = graph.rank(x);
  std::vector<int32_t> order{0, rank - 1};
  for (int32_t axis = 1; axis + 1 < rank; ++axis) order.push_back(axis);
  return graph.transpose(x, order);
}

}  // namespace smelt::tensorflow
