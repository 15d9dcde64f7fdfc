#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/base/base64.h"
#include "smelt/ir/dump.h"
#include "smelt/kernels/fixed_point.h"
#include "smelt/quantize/json_object.h"
#include "smelt/quantize/plan_constants.h"
#include "smelt/quantize/plan_file.h"
#include "smelt/quantize/recipe_json.h"

namespace smelt {
namespace {

constexpr int64_t kMostIds = std::numeric_limits<int32_t>::max();

/// Least and largest stored value of a type that scales belong to; 0 and 0 for floats.
std::pair<int64_t, int64_t> limits_of(DataType type) {
  switch (type) {
    case DataType::int4:
    case DataType::int8:
    case DataType::uint8:
    case DataType::int16:
    case DataType::int32:
      return {range_of(type).low, range_of(type).high};
    case DataType::int64:
      return {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
    default:
      return {0, 0};
  }
}

class PlanReader {
 public:
  explicit PlanReader(const Graph& graph) : graph_(graph) {}

  std::pair<TensorId, TensorPlan> tensor(const Json& json, std::string_view list, size_t at) const {
    const JsonObject object(json, fmt::format("{}[{}]", list, at),
                            {"id", "name", "shape", "type", "scale", "zero_point", "axis"});
    const TensorId id{static_cast<int32_t>(object.integer("id", 0, kMostIds))};
    if (!graph_.contains(id)) another_model("it has no tensor {}", object.string("name"));
    const Tensor& tensor = graph_.tensor(id);
    if (tensor.is_constant) object.wrong("id", "is that of a constant");
    if (object.at("shape") != Json(tensor.shape.dims())) {
      another_model("{} has the shape {}, not {}", describe(graph_, id), to_string(tensor.shape),
                    object.at("shape").dump());
    }
    return {id, form(object, tensor)};
  }

  std::pair<OpId, OpPlan> op(const Json& json, size_t at) const {
    const JsonObject object(
        json, fmt::format("ops[{}]", at),
        {"id", "op", "name", "precision", "reason", "operands", "bridge_elements"});
    const OpId id{static_cast<int32_t>(object.integer("id", 0, kMostIds))};
    if (!graph_.contains(id)) another_model("it has no {}", object.string("name"));
    if (object.string("op") != name(graph_.op(id).type)) {
      another_model("{} is there in the place of {}", describe(graph_, id), object.string("name"));
    }
    OpPlan plan{.name = object.string("name"), .reason = object.string("reason")};
    if (object.has("precision")) plan.precision = parse_precision(object.string("precision"));
    plan.bridge_elements =
        object.integer_or("bridge_elements", 0, 0, std::numeric_limits<int64_t>::max());
    for (const Json& entry : object.list("operands")) {
      plan.operands.push_back(operand(entry, object.where(), graph_.op(id)));
    }
    return {id, std::move(plan)};
  }

 private:
  OperandPlan operand(const Json& json, const std::string& where, const Op& op) const {
    const JsonObject object(json, where + ": operands",
                            {"index", "name", "type", "scale", "zero_point", "axis", "block_size",
                             "dequantized", "values"});
    OperandPlan plan{.index = static_cast<size_t>(object.integer("index", 0, kMostIds))};
    const TensorId id = op.input(plan.index);
    if (!id) object.wrong("index", "is that of no operand");
    const Tensor& tensor = graph_.tensor(id);
    plan.as = form(object, tensor);
    plan.dequantized = object.boolean_or("dequantized", false);
    if (plan.dequantized && !tensor.is_constant) object.wrong("dequantized", "is for constants");
    if (object.has("values")) plan.values = values(object, plan.as.type, tensor);
    return plan;
  }

  static Buffer values(const JsonObject& object, DataType type, const Tensor& tensor) {
    const std::string bytes = from_base64(object.string("values"));
    const bool stored = type == DataType::int4 || type == DataType::int8 ||
                        type == DataType::int32 || type == DataType::int64;
    const int64_t each = type == DataType::int4 ? 1 : bit_width(type) / 8;
    if (!tensor.is_constant || !stored ||
        static_cast<int64_t>(bytes.size()) != tensor.shape.elements() * each) {
      object.wrong("values", "do not fill the constant");
    }
    return Buffer::copy_of(as_bytes(std::string_view(bytes)));
  }

  TensorPlan form(const JsonObject& object, const Tensor& tensor) const {
    TensorPlan plan{.name = object.string("name")};
    if (plan.name != tensor.name) another_model("{} is {} in it", plan.name, tensor.name);
    if (tensor.type != DataType::float32) object.wrong("name", "is that of no float tensor");
    const auto type = data_type_from_name(object.string("type"));
    const bool is_float = type == DataType::float32 || type == DataType::float16;
    const bool is_stored = type && (is_float || limits_of(*type).second > 0);
    const bool only_constants = type == DataType::float16 || type == DataType::int4 ||
                                type == DataType::int32 || type == DataType::int64;
    if (!is_stored || (only_constants && !tensor.is_constant)) {
      object.wrong("type", fmt::format("cannot be {}", object.string("type")));
    }
    plan.type = *type;
    plan.block_size = static_cast<int>(object.integer_or("block_size", 0, 0, 1 << 20));
    if (is_float) {
      if (object.has("scale") || plan.block_size > 0) object.wrong("scale", "is not for floats");
      return plan;
    }
    plan.quantization = quantization(object, plan.type);
    require_fitting_scales(object, plan, tensor);
    return plan;
  }

  static Quantization quantization(const JsonObject& object, DataType type) {
    Quantization q{.axis = static_cast<int32_t>(object.integer_or("axis", 0, 0, 255))};
    for (const Json& scale : object.list("scale")) {
      const float value = scale.is_number() ? scale.get<float>() : 0;
      if (!std::isnormal(value) || value < 0) object.wrong("scale", "holds what is no scale");
      q.scale.push_back(value);
    }
    const auto [low, high] = limits_of(type);
    for (const Json& zero : object.list("zero_point")) {
      const bool fits =
          zero.is_number_integer() && zero.get<int64_t>() >= low && zero.get<int64_t>() <= high;
      if (!fits) object.wrong("zero_point", fmt::format("does not fit {}", name(type)));
      q.zero_point.push_back(zero.get<int64_t>());
    }
    if (q.scale.empty()) object.wrong("scale", "is missing");
    if (q.scale.size() != q.zero_point.size()) {
      object.wrong("zero_point", "has not as many values as scale");
    }
    return q;
  }

  /// As many scales as `apply` reads.
  static void require_fitting_scales(const JsonObject& object, const TensorPlan& plan,
                                     const Tensor& tensor) {
    const auto scales = static_cast<int64_t>(plan.quantization.scale.size());
    const int32_t axis = plan.quantization.axis;
    bool fits = scales == 1;
    if (plan.block_size > 0) {
      const bool weights = plan.type == DataType::int4 || plan.type == DataType::int8;
      fits = tensor.is_constant && weights && tensor.shape.rank() == 2 &&
             tensor.shape[1] % plan.block_size == 0 &&
             scales == tensor.shape.elements() / plan.block_size;
    } else if (plan.type == DataType::int32 || plan.type == DataType::int64) {
      fits = fits || scales == tensor.shape.elements();
    } else if (tensor.is_constant && plan.type != DataType::int16) {
      fits = fits || (axis < tensor.shape.rank() && scales == tensor.shape[axis]);
    }
    if (!fits) object.wrong("scale", fmt::format("has {} values, which do not fit", scales));
  }

  const Graph& graph_;
};

template <class Map, class Read>
Map read_all(const JsonObject& object, std::string_view key, Read&& read) {
  Map result;
  const Json::array_t& list = object.list(key);
  for (size_t i = 0; i < list.size(); ++i) {
    if (!result.insert(read(list[i], i)).second) {
      object.wrong(key, fmt::format("holds an id twice, at {}", i));
    }
  }
  return result;
}

void require_ends(const JsonObject& object, const QuantPlan& plan, const Graph& graph) {
  for (const auto& [id, as] : plan.outside) {
    const bool output = graph.is_output(id) && graph.producer(id);
    if (!graph.is_input(id) && !output) {
      object.wrong("outside", fmt::format("holds {}, which is no input or output", as.name));
    }
  }
}

}  // namespace

QuantPlan plan_from_json(const Json& json, Model& model) {
  const std::string own = fingerprint(model);
  Graph& graph = model.main();
  const JsonObject object(
      json, "the plan",
      {"format", "version", "model", "recipe", "tensors", "outside", "ops", "constants"});
  if (object.string("format") != "smelt plan") object.wrong("format", "is not 'smelt plan'");
  object.integer("version", 1, 1);
  read_constants(object.list("constants"), graph);
  const PlanReader reader(graph);
  QuantPlan plan{.recipe = recipe_from_json(object.at("recipe"))};
  const auto tensors = [&](std::string_view key) {
    return read_all<std::map<TensorId, TensorPlan>>(
        object, key, [&](const Json& entry, size_t at) { return reader.tensor(entry, key, at); });
  };
  plan.tensors = tensors("tensors");
  plan.outside = tensors("outside");
  plan.ops = read_all<std::map<OpId, OpPlan>>(
      object, "ops", [&](const Json& entry, size_t at) { return reader.op(entry, at); });
  require_ends(object, plan, graph);
  if (object.string("model") != own) another_model("its weights have other values");
  return plan;
}

}  // namespace smelt
