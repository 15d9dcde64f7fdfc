#include "smelt/quantize/plan_constants.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "smelt/base/base64.h"

namespace smelt {
namespace {

constexpr int64_t kMostIds = std::numeric_limits<int32_t>::max();

/// Gives the graph the constants that recovery changed or added.
class ConstantReader {
 public:
  explicit ConstantReader(Graph& graph) : graph_(graph) {}

  void read(const Json& json, size_t at) {
    const JsonObject object(json, fmt::format("constants[{}]", at),
                            {"id", "name", "shape", "values", "readers"});
    const TensorId id{static_cast<int32_t>(object.integer("id", 0, kMostIds))};
    if (object.has("readers")) {
      add(object, id);
    } else {
      if (!graph_.contains(id)) another_model("it has no constant {}", object.string("name"));
      if (graph_.tensor(id).name != object.string("name")) {
        another_model("{} is {} in it", object.string("name"), graph_.tensor(id).name);
      }
      graph_.tensor(id).data = values(object, graph_.tensor(id));
    }
  }

 private:
  void add(const JsonObject& object, TensorId id) {
    const Json::array_t& readers = object.list("readers");
    if (readers.empty()) object.wrong("readers", "is empty");
    TensorId added;
    for (const Json& reader : readers) {
      const auto [op, index] = operand(object, reader);
      if (!added) {
        Tensor tensor = graph_.tensor(graph_.op(op).input(index));
        tensor.data = values(object, tensor);
        tensor.name = object.string("name");
        added = graph_.add_tensor(std::move(tensor));
      }
      graph_.set_op_input(op, index, added);
    }
    if (added != id) another_model("constant {} would not get its number", object.string("name"));
  }

  std::pair<OpId, size_t> operand(const JsonObject& object, const Json& json) const {
    const auto is_id = [](const Json& id) {
      return id.is_number_integer() && id >= 0 && id <= kMostIds;
    };
    const bool pair = json.is_array() && json.size() == 2 && is_id(json[0]) && is_id(json[1]);
    if (!pair) object.wrong("readers", "holds something else than pairs of op and operand");
    const OpId op{json[0].get<int32_t>()};
    const auto index = json[1].get<size_t>();
    if (!graph_.contains(op) || !graph_.constant_input(graph_.op(op), index)) {
      object.wrong("readers", "names an operand that is no constant");
    }
    return {op, index};
  }

  static Buffer values(const JsonObject& object, const Tensor& old) {
    const std::string bytes = from_base64(object.string("values"));
    const bool fits = old.is_constant && old.type == DataType::float32 && !old.sparsity &&
                      object.at("shape") == Json(old.shape.dims()) &&
                      bytes.size() == old.data.size();
    if (!fits) another_model("{} does not fit the constant that it has", object.string("name"));
    Buffer buffer = Buffer::copy_of(as_bytes(std::string_view(bytes)));
    const auto values = buffer.as<float>();
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      object.wrong("values", "hold NaN or infinity");
    }
    return buffer;
  }

  Graph& graph_;
};

}  // namespace

void another_model(const std::string& difference) {
  fail(ErrorKind::bad_argument, "the plan was made for another model: {}", difference);
}

void read_constants(const Json::array_t& list, Graph& graph) {
  ConstantReader reader(graph);
  for (size_t i = 0; i < list.size(); ++i) reader.read(list[i], i);
}

}  // namespace smelt
