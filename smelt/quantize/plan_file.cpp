#include "smelt/quantize/plan_file.h"

#include <cstring>

#include "smelt/base/base64.h"
#include "smelt/base/file.h"
#include "smelt/quantize/json_object.h"
#include "smelt/quantize/recipe_json.h"

namespace smelt {
namespace {

void add_form(const TensorPlan& as, Json& json) {
  json["name"] = as.name;
  json["type"] = std::string(name(as.type));
  const Quantization& q = as.quantization;
  SMELT_CHECK(q.min.empty() && q.max.empty() && q.details.index() == 0);
  if (q.quantized()) {
    json["scale"] = q.scale;
    json["zero_point"] = q.zero_point;
    json["axis"] = q.axis;
  }
  if (as.block_size > 0) json["block_size"] = as.block_size;
}

Json tensor_json(TensorId id, const TensorPlan& as, const Graph& graph) {
  Json json = {{"id", id.value}, {"shape", graph.tensor(id).shape.dims()}};
  add_form(as, json);
  return json;
}

Json operand_json(const OperandPlan& operand) {
  Json json = {{"index", operand.index}};
  add_form(operand.as, json);
  if (operand.dequantized) json["dequantized"] = true;
  if (!operand.values.empty()) json["values"] = to_base64(operand.values.bytes());
  return json;
}

Json op_json(OpId id, const OpPlan& op, const Graph& graph) {
  Json json = {{"id", id.value},
               {"op", std::string(name(graph.op(id).type))},
               {"name", op.name},
               {"reason", op.reason}};
  if (op.precision) json["precision"] = std::string(name(*op.precision));
  if (op.bridge_elements > 0) json["bridge_elements"] = op.bridge_elements;
  if (!op.operands.empty()) json["operands"] = Json::array();
  for (const OperandPlan& operand : op.operands) json["operands"].push_back(operand_json(operand));
  return json;
}

/// Where an op reads the tensor, as pairs of op and operand.
Json readers_json(TensorId id, const Graph& graph) {
  Json readers = Json::array();
  for (const OpId op : graph.ops()) {
    for (size_t i = 0; i < graph.op(op).inputs.size(); ++i) {
      if (graph.op(op).inputs[i] == id) readers.push_back({op.value, i});
    }
  }
  return readers;
}

/// Float constants that the model has and `before` has not, or with other values.
Json changed_constants(const Graph& graph, const Graph& before) {
  Json constants = Json::array();
  for (const TensorId id : graph.tensors()) {
    const Tensor& tensor = graph.tensor(id);
    if (!tensor.is_constant || tensor.type != DataType::float32) continue;
    const bool added = !before.contains(id);
    if (!added && before.tensor(id).data == tensor.data) continue;
    Json entry = {{"id", id.value},
                  {"name", tensor.name},
                  {"shape", tensor.shape.dims()},
                  {"values", to_base64(tensor.data.bytes())}};
    if (added) entry["readers"] = readers_json(id, graph);
    constants.push_back(std::move(entry));
  }
  return constants;
}

/// The object with the elements of its lists on lines of their own.
std::string in_lines(const Json& json) {
  std::string text = "{";
  const char* comma = "";
  for (const auto& [key, value] : json.items()) {
    text += fmt::format("{}\n\"{}\": ", comma, key);
    comma = ",";
    if (!value.is_array()) {
      text += value.dump();
      continue;
    }
    text += "[";
    for (size_t i = 0; i < value.size(); ++i) text += (i > 0 ? ",\n" : "\n") + value[i].dump();
    text += "]";
  }
  return text + "\n}\n";
}

/// Multiplies and folds eight bytes at a time.
uint64_t mixed(uint64_t hash, ByteView bytes) {
  hash ^= bytes.size();
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

std::string fingerprint(const Model& model) {
  uint64_t hash = 0;
  for (const TensorId id : model.main().tensors()) {
    const Tensor& tensor = model.main().tensor(id);
    if (tensor.is_constant) hash = mixed(hash, tensor.data.bytes());
  }
  return fmt::format("{:016x}", hash);
}

Json to_json(const QuantPlan& plan, const Model& model, const Model* unrecovered) {
  const Graph& graph = model.main();
  Json json = {{"format", "smelt plan"},
               {"version", 1},
               {"model", fingerprint(unrecovered ? *unrecovered : model)},
               {"recipe", to_json(plan.recipe)},
               {"tensors", Json::array()},
               {"outside", Json::array()},
               {"ops", Json::array()}};
  for (const auto& [id, as] : plan.tensors) json["tensors"].push_back(tensor_json(id, as, graph));
  for (const auto& [id, as] : plan.outside) json["outside"].push_back(tensor_json(id, as, graph));
  for (const auto& [id, op] : plan.ops) json["ops"].push_back(op_json(id, op, graph));
  if (unrecovered) {
    Json constants = changed_constants(graph, unrecovered->main());
    if (!constants.empty()) json["constants"] = std::move(constants);
  }
  return json;
}

void save_plan(const QuantPlan& plan, const Model& model, const std::filesystem::path& path,
               const Model* unrecovered) {
  const std::string text = in_lines(to_json(plan, model, unrecovered));
  write_file(path, as_bytes(std::string_view(text)));
}

SavedPlan open_plan(const std::filesystem::path& path) {
  return with_context([&] { return "while reading plan " + path.string(); },
                      [&] {
                        Json json = parse_json(read_text_file(path));
                        const JsonObject object(json, "the plan");
                        Recipe recipe = recipe_from_json(object.at("recipe"));
                        return SavedPlan{path, std::move(json), std::move(recipe)};
                      });
}

QuantPlan SavedPlan::read(Model& model) const {
  return with_context([&] { return "while reading plan " + path.string(); },
                      [&] { return plan_from_json(json, model); });
}

}  // namespace smelt
