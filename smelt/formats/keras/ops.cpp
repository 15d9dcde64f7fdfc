#include "smelt/formats/keras/ops.h"

#include <algorithm>
#include <cstdlib>

namespace smelt::keras {
namespace {

constexpr std::string_view kKeras = "ops.", kTensorFlow = "tf.", kNode = "raw.";

struct Alias {
  std::string_view name, op;
};
/// Other names, without the modules they are in.
constexpr Alias kAliases[] = {
    {"absolute", "abs"},
    {"add_v2", "add"},
    {"amax", "max"},
    {"amin", "min"},
    {"arg_max", "argmax"},
    {"arg_min", "argmin"},
    {"clip_by_value", "clip"},
    {"concat", "concatenate"},
    {"concat_v2", "concatenate"},
    {"div", "divide"},
    {"floor_div", "floor_divide"},
    {"floordiv", "floor_divide"},
    {"floor_mod", "mod"},
    {"floormod", "mod"},
    {"ge", "greater_equal"},
    {"getitem", "get_item"},
    {"gt", "greater"},
    {"hard_silu", "hard_swish"},
    {"le", "less_equal"},
    {"lt", "less"},
    {"batch_mat_mul", "matmul"},
    {"batch_mat_mul_v2", "matmul"},
    {"mat_mul", "matmul"},
    {"mul", "multiply"},
    {"ne", "not_equal"},
    {"neg", "negative"},
    {"pad_v2", "pad"},
    {"permute_dimensions", "transpose"},
    {"pow", "power"},
    {"pack", "stack"},
    {"real_div", "divide"},
    {"realdiv", "divide"},
    {"reduce_all", "all"},
    {"reduce_any", "any"},
    {"reduce_max", "max"},
    {"reduce_mean", "mean"},
    {"reduce_min", "min"},
    {"reduce_prod", "prod"},
    {"reduce_sum", "sum"},
    {"reduce_std", "std"},
    {"reduce_variance", "var"},
    {"reduce_logsumexp", "logsumexp"},
    {"reverse", "flip"},
    {"reverse_v2", "flip"},
    {"select", "where"},
    {"select_v2", "where"},
    {"silu", "swish"},
    {"stop_gradient", "identity"},
    {"sub", "subtract"},
    {"take", "gather"},
    {"gather_v2", "gather"},
    {"true_divide", "divide"},
    {"truediv", "divide"},
    {"true_div", "divide"},
    {"unpack", "unstack"},
};

/// "ExpandDims" -> "expand_dims".
std::string snake(std::string_view name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool upper = c >= 'A' && c <= 'Z';
    const bool after_lower = i > 0 && !(name[i - 1] >= 'A' && name[i - 1] <= 'Z');
    if (upper && i > 0 && after_lower) result += '_';
    result += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

/// The operation that a class stands for; `swapped` for reflected operators ("__rsub__").
std::string canonical(std::string_view class_name, bool* swapped = nullptr) {
  std::string name;
  if (class_name.starts_with(kTensorFlow)) {
    name = class_name.substr(class_name.rfind('.') + 1);
    const bool is_operator = class_name.find("__operators__.r") != std::string_view::npos;
    if (is_operator) {
      const std::string plain = name.substr(1);
      for (const char* op : {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"}) {
        if (plain != op) continue;
        name = plain;
        if (swapped != nullptr) *swapped = true;
      }
    }
  } else {
    name = snake(class_name.substr(class_name.find('.') + 1));
  }
  for (const auto& [other, op] : kAliases) {
    if (name == other) return std::string(op);
  }
  return name;
}

const OpRow* find_row(std::string_view op) {
  for (const auto& family : {arithmetic_ops(), reduction_ops(), shape_ops()}) {
    for (const OpRow& row : family) {
      if (row.name == op) return &row;
    }
  }
  return nullptr;
}

Results import_op(const Layer& layer) {
  const OpCall call(layer);
  for (const auto& [key, value] : layer.arguments.keywords.items()) layer.keyword(key);
  const OpRow* row = find_row(call.op());
  SMELT_CHECK(row != nullptr);
  return row->import(call);
}

constexpr TableRow kOpRow{"", import_op, false, true};

/// Values of nested lists, and the shape that these have.
void flatten(const Json& value, size_t axis, std::vector<int32_t>& dims,
             std::vector<double>& values) {
  constexpr size_t kMaxRank = 8;
  if (!value.is_array()) {
    if (value.is_boolean()) {
      values.push_back(value.get<bool>() ? 1 : 0);
    } else if (value.is_number()) {
      values.push_back(value.get<double>());
    } else {
      fail(ErrorKind::unsupported, "an argument is neither a tensor nor a number");
    }
    return;
  }
  if (axis >= kMaxRank) fail(ErrorKind::unsupported, "a constant has over {} axes", kMaxRank);
  const auto size = static_cast<int32_t>(value.size());
  if (dims.size() == axis) dims.push_back(size);
  if (dims[axis] != size) fail(ErrorKind::bad_file, "the rows of a constant differ in length");
  for (const Json& element : value) flatten(element, axis + 1, dims, values);
}

/// Protobuf's JSON writes 64-bit integers as text.
Json plain_numbers(const Json& value) {
  if (value.is_string()) {
    return std::strtoll(value.get_ref<const std::string&>().c_str(), nullptr, 10);
  }
  if (!value.is_array()) return value;
  Json numbers = Json::array();
  for (const Json& element : value) numbers.push_back(plain_numbers(element));
  return numbers;
}

template <class T>
Tensor constant_of(std::string name, Shape shape, const std::vector<double>& values) {
  std::vector<T> typed;
  for (const double value : values) typed.push_back(static_cast<T>(value));
  return Tensor::constant(std::move(name), std::move(shape), typed);
}

Tensor make_constant(const std::string& name, const Json& value, DataType type) {
  std::vector<int32_t> dims;
  std::vector<double> values;
  flatten(value, 0, dims, values);
  if (Shape(dims).elements() != static_cast<int64_t>(values.size())) {
    fail(ErrorKind::bad_file, "a constant's rows differ in length");
  }
  const auto limit = static_cast<double>(INT32_MAX);
  const bool small = std::all_of(values.begin(), values.end(),
                                 [&](double v) { return v >= -limit && v <= limit; });
  if (type == DataType::int32 && small) return constant_of<int32_t>(name, Shape(dims), values);
  if (type == DataType::int64 && small) return constant_of<int64_t>(name, Shape(dims), values);
  if (type == DataType::boolean) {
    Tensor tensor = constant_of<uint8_t>(name, Shape(dims), values);
    tensor.type = DataType::boolean;
    return tensor;
  }
  return constant_of<float>(name, Shape(dims), values);
}

}  // namespace

const TableRow* find_op(std::string_view class_name) {
  const bool is_op = class_name.starts_with(kKeras) || class_name.starts_with(kTensorFlow) ||
                     class_name.starts_with(kNode);
  return is_op && find_row(canonical(class_name)) != nullptr ? &kOpRow : nullptr;
}

OpCall::OpCall(const Layer& layer)
    : layer_(layer), positional_(layer.arguments.positional), keywords_(layer.arguments.keywords) {
  bool swapped = false;
  op_ = canonical(layer.class_name, &swapped);
  if (layer.class_name.starts_with(kNode)) {
    read_node();
  } else if (swapped) {
    Json second = keywords_.is_object() && keywords_.contains("y") ? keywords_["y"] : Json();
    keywords_.erase("y");
    positional_ = Json::array({std::move(second), positional_.empty() ? Json() : positional_[0]});
  }
}

/// {"node_def": {"op", "attr"}, "constants": {"1": ...}}: constants fill the gaps between inputs.
void OpCall::read_node() {
  const Config node(layer_.config.at("node_def"));
  Json inputs = Json::array();
  for (const Json& argument : positional_) {
    if (argument.is_array()) {
      for (const Json& element : argument) inputs.push_back(element);
    } else {
      inputs.push_back(argument);
    }
  }
  const Json* constants = layer_.config.find("constants");
  const size_t count = inputs.size() + (constants != nullptr ? constants->size() : 0);
  Json all = Json::array();
  for (size_t i = 0, next = 0; i < count; ++i) {
    const std::string key = std::to_string(i);
    if (constants != nullptr && constants->is_object() && constants->contains(key)) {
      all.push_back(constants->at(key));
    } else {
      all.push_back(next < inputs.size() ? inputs[next++] : Json());
    }
  }
  // Lists are spread over the inputs of a node.
  if (op_ == "stack" || op_ == "concatenate") {
    const bool axis_behind = op_ == "concatenate" && all.size() > 1;
    Json list = Json::array();
    for (size_t i = 0; i + (axis_behind ? 1 : 0) < all.size(); ++i) list.push_back(all[i]);
    positional_ = Json::array({std::move(list)});
    if (axis_behind) positional_.push_back(all[all.size() - 1]);
  } else {
    positional_ = std::move(all);
  }
  keywords_ = Json::object();
  const Json* attributes = node.find("attr");
  if (attributes == nullptr || !attributes->is_object()) return;
  for (const auto& [key, value] : attributes->items()) {
    const Json* list = Config(value).find("list");
    for (const char* kind : {"b", "i", "f"}) {
      const Json* stored = Config(list != nullptr ? *list : value).find(kind);
      if (stored != nullptr) keywords_[key] = plain_numbers(*stored);
    }
  }
}

/// {"class_name": "__numpy__" or "__tensor__" or "__tuple__", "config": {"value": ...}}.
const Json* OpCall::unwrapped(const Json* value) const {
  while (value != nullptr && value->is_object() && value->contains("class_name")) {
    const Json* config = Config(*value).find("config");
    if (config == nullptr || !config->is_object() || !config->contains("value")) break;
    value = &config->at("value");
  }
  return value == nullptr || value->is_null() ? nullptr : value;
}

const Json* OpCall::find(size_t position, Names names) const {
  if (position < positional_.size() && !positional_[position].is_null()) {
    return unwrapped(&positional_[position]);
  }
  for (const char* name : names) {
    if (const Json* value = Config(keywords_).find(name)) return unwrapped(value);
    if (const Json* value = layer_.config.find(name)) return unwrapped(value);
  }
  return nullptr;
}

const Json& OpCall::at(size_t position, Names names) const {
  const Json* value = find(position, names);
  if (value == nullptr) fail(ErrorKind::bad_file, "its argument {} is missing", *names.begin());
  return *value;
}

bool OpCall::has_tensor(size_t position, Names names) const {
  return !tensors(position, names).empty();
}

std::vector<TensorId> OpCall::tensors(size_t position, Names names) const {
  const Json* value = find(position, names);
  return value == nullptr ? std::vector<TensorId>{} : tensors_in(*value, layer_.arguments);
}

TensorId OpCall::tensor(size_t position, Names names, TensorId like) const {
  const Json& value = at(position, names);
  const std::vector<TensorId> found = tensors_in(value, layer_.arguments);
  if (found.size() == 1) return found[0];
  if (!found.empty()) {
    fail(ErrorKind::unsupported, "its argument {} mixes {} tensors", *names.begin(), found.size());
  }
  const DataType type = like ? graph().type(like) : DataType::float32;
  return graph().constant(make_constant(graph().origin() + "/constant", value, type));
}

std::optional<int64_t> OpCall::integer(size_t position, Names names) const {
  const Json* value = find(position, names);
  if (value == nullptr) return std::nullopt;
  if (value->is_array() && value->size() == 1) value = &(*value)[0];
  return as_integer(*value, -kMaxSize, kMaxSize, fmt::format("\"{}\"", *names.begin()));
}

int64_t OpCall::integer_or(size_t position, Names names, int64_t fallback) const {
  return integer(position, names).value_or(fallback);
}

float OpCall::number_or(size_t position, Names names, float fallback) const {
  const Json* value = find(position, names);
  if (value == nullptr) return fallback;
  const Json holder{{*names.begin(), *value}};
  return Config(holder).number(*names.begin(), fallback);
}

bool OpCall::boolean_or(size_t position, Names names, bool fallback) const {
  const Json* value = find(position, names);
  if (value == nullptr) return fallback;
  const Json holder{{*names.begin(), *value}};
  return Config(holder).boolean(*names.begin(), fallback);
}

std::vector<int32_t> OpCall::integers(size_t position, Names names) const {
  const Json& value = at(position, names);
  const std::string what = fmt::format("\"{}\"", *names.begin());
  const auto number = [&](const Json& json) {
    if (json.is_null()) return Shape::kUnknown;
    if (json.is_object()) {
      fail(ErrorKind::unsupported, "its argument {} depends on values of tensors", what);
    }
    return static_cast<int32_t>(as_integer(json, -kMaxSize, kMaxSize, what));
  };
  if (!value.is_array()) return {number(value)};
  std::vector<int32_t> result;
  for (const Json& element : value) result.push_back(number(element));
  return result;
}

TensorId OpCall::emit(OpType type, std::vector<TensorId> inputs, Attributes attributes,
                      Shape shape) const {
  const DataType out = graph().type(inputs.at(0));
  return graph().op(type, std::move(inputs), std::move(attributes), std::move(shape), out);
}

TensorId OpCall::unary(OpType type, TensorId x) const {
  return emit(type, {x}, default_attributes(type), graph().shape(x));
}

TensorId OpCall::binary(OpType type, TensorId x, TensorId y, bool compares) const {
  const Shape shape = broadcast(graph().shape(x), graph().shape(y));
  const DataType out = compares ? DataType::boolean : graph().type(x);
  return graph().op(type, {x, y}, default_attributes(type), shape, out);
}

TensorId OpCall::as_type(TensorId x, DataType type) const {
  const DataType from = graph().type(x);
  if (from == type) return x;
  const CastAttributes cast{.in_type = from, .out_type = type};
  const Shape shape = graph().shape(x);
  return graph().op(OpType::cast, {x}, cast, shape, type);
}

TensorId OpCall::reshape(TensorId x, const Shape& shape) const {
  std::vector<int32_t> target = shape.dims();
  // The batch stays open where it is still in front.
  if (!target.empty() && graph().shape(x).rank() > 0 && target[0] == graph().shape(x)[0]) {
    target[0] = Shape::kUnknown;
  }
  const TensorId operand = graph().ints("shape", target, {shape.rank()});
  return emit(OpType::reshape, {x, operand}, ReshapeAttributes{.new_shape = target}, shape);
}

}  // namespace smelt::keras
