#include <algorithm>

#include "smelt/formats/keras/recurrent.h"

namespace smelt::keras {
namespace {

struct NamedActivation {
  std::string_view name;
  CellActivation activation;
};
constexpr NamedActivation kActivations[] = {
    {"linear", CellActivation::linear},
    {"tanh", CellActivation::tanh},
    {"sigmoid", CellActivation::sigmoid},
    {"hard_sigmoid", CellActivation::hard_sigmoid},
    {"relu", CellActivation::relu},
    {"relu6", CellActivation::relu6},
    {"leaky_relu", CellActivation::leaky_relu},
    {"elu", CellActivation::elu},
    {"selu", CellActivation::selu},
    {"softplus", CellActivation::softplus},
    {"softsign", CellActivation::softsign},
    {"exponential", CellActivation::exponential},
    {"swish", CellActivation::swish},
    {"silu", CellActivation::swish},
    {"gelu", CellActivation::gelu},
    {"hard_swish", CellActivation::hard_swish},
    {"hard_silu", CellActivation::hard_swish},
};

/// "tanh", or the function as newer versions write it.
std::string activation_name(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  const Config described(value);
  const Json* config = described.find("config");
  if (config != nullptr && config->is_string()) return config->get<std::string>();
  return described.string("class_name");
}

CellActivation read_activation(const Layer& layer, std::string_view key,
                               std::string_view fallback) {
  const Json* value = layer.config.find(key);
  const std::string name = value == nullptr ? std::string(fallback) : activation_name(*value);
  const auto* found = std::ranges::find(kActivations, name, &NamedActivation::name);
  if (found == std::end(kActivations)) {
    fail(ErrorKind::unsupported, "{} \"{}\" is not supported in a recurrent layer", key, name);
  }
  const bool hard = found->activation == CellActivation::hard_sigmoid;
  return hard && layer.keras_version >= 3 ? CellActivation::hard_sigmoid_6 : found->activation;
}

/// Kernels of cuDNN's order, [rows, gates * units] in the file, which per gate hold the matrix
/// [units, rows] in row-major order.
TensorId cudnn_kernel(const Layer& layer, const char* role, size_t position, int32_t rows,
                      int32_t gates, int32_t units) {
  const int32_t wide = gates * units;
  return made_weight(layer, {role}, position, {rows, wide}, {wide, rows},
                     [=](std::span<const float> from) {
                       const auto r = static_cast<size_t>(rows), u = static_cast<size_t>(units);
                       const size_t columns = u * static_cast<size_t>(gates);
                       std::vector<float> to(from.size());
                       for (size_t i = 0; i < to.size(); ++i) {
                         const size_t gate = i / (r * u), cell = i % (r * u);
                         to[i] = from[cell / u * columns + gate * u + cell % u];
                       }
                       return to;
                     });
}

/// Kernels [rows, gates * units] in the file, gates in the order of RECURRENT.
TensorId plain_kernel(const Layer& layer, const char* role, size_t position, int32_t rows,
                      int32_t columns) {
  return transposed_weight(layer, {role, position == 0 ? "W" : "U"}, position, {rows, columns},
                           {columns, rows});
}

/// One of two biases that the file holds behind each other.
TensorId half_bias(const Layer& layer, const Shape& stored, int32_t size, bool second) {
  const Roles roles = second ? Roles{"recurrent_bias", "bias"} : Roles{"bias"};
  return made_weight(layer, roles, 2, stored, {size}, [=](std::span<const float> from) {
    const auto half = from.subspan(second ? from.size() / 2 : 0, from.size() / 2);
    return std::vector<float>(half.begin(), half.end());
  });
}

TensorId summed_bias(const Layer& layer, const Shape& stored, int32_t size) {
  return made_weight(layer, {"bias"}, 2, stored, {size}, [](std::span<const float> from) {
    std::vector<float> sum(from.begin(), from.begin() + static_cast<ptrdiff_t>(from.size() / 2));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += from[sum.size() + i];
    return sum;
  });
}

/// Gates of a cell in Keras 1, which stores each by itself: its letter, and which it is among those
/// of RECURRENT.
struct OldGate {
  char letter;
  int32_t gate;
};
constexpr OldGate kOldLstm[] = {{'i', 0}, {'c', 2}, {'f', 1}, {'o', 3}};
constexpr OldGate kOldGru[] = {{'z', 0}, {'r', 1}, {'h', 2}};

/// Weights [rows, units] (or biases [units], with 0 rows) of all gates, "W_i" ..., as one.
TensorId old_weight(const Layer& layer, char role, size_t position, int32_t rows,
                    const Cell& cell) {
  const bool lstm = cell.attributes.cell == RecurrentCell::lstm;
  const std::span<const OldGate> gates = lstm ? std::span<const OldGate>(kOldLstm) : kOldGru;
  const auto u = static_cast<size_t>(cell.units), r = static_cast<size_t>(std::max(rows, 1));
  std::vector<float> all;
  for (size_t i = 0; i < gates.size(); ++i) {
    const std::string name = fmt::format("{}_{}", role, gates[i].letter);
    WeightQuery query{{name}, 3 * i + position, {cell.units}};
    if (rows > 0) query.shape.insert(query.shape.begin(), rows);
    bool read = false;
    layer.host.weight(layer, query, [&](std::span<const float> from) {
      all.resize(gates.size() * from.size());
      float* to = all.data() + static_cast<size_t>(gates[i].gate) * u * r;
      for (size_t k = 0; k < from.size(); ++k) to[k % u * r + k / u] = from[k];
      read = true;
      return Tensor::constant<float>(layer.graph.origin() + "/" + name, {0}, {});
    });
    if (!read) fail(ErrorKind::unsupported, "a layer of Keras 1 that is called again");
  }
  const auto columns = static_cast<int32_t>(gates.size() * u);
  const Shape shape = rows > 0 ? Shape{columns, rows} : Shape{columns};
  return layer.graph.constant(
      Tensor::constant(fmt::format("{}/{}", layer.graph.origin(), role), shape, all));
}

/// True where the gates are stored by themselves.
bool has_old_weights(const Layer& layer, RecurrentCell kind, int32_t inputs, int32_t units) {
  if (kind == RecurrentCell::simple) return false;
  const WeightQuery query{{"kernel"}, 0, {}};
  const auto stored = layer.host.weight_shape(layer, query);
  return stored && *stored == std::vector<int64_t>{inputs, units};
}

}  // namespace

Cell read_cell(const Layer& layer, RecurrentCell kind, int32_t inputs) {
  constexpr int32_t kMaxUnits = 1 << 24;
  Cell cell;
  RecurrentAttributes& a = cell.attributes;
  a.cell = kind;
  a.activation = read_activation(layer, "activation", "tanh");
  const bool simple = kind == RecurrentCell::simple;
  if (!simple) a.recurrent_activation = read_activation(layer, "recurrent_activation", "sigmoid");
  a.dropout = layer.config.number("dropout", 0);
  a.recurrent_dropout = layer.config.number("recurrent_dropout", 0);
  cell.units = layer.config.integer("units", 1, kMaxUnits);
  const int32_t columns = a.gates() * cell.units;
  if (has_old_weights(layer, kind, inputs, cell.units)) {
    cell.kernel = old_weight(layer, 'W', 0, inputs, cell);
    cell.recurrent = old_weight(layer, 'U', 1, cell.units, cell);
    cell.bias = old_weight(layer, 'b', 2, 0, cell);
    return cell;
  }
  const bool use_bias = layer.config.boolean("use_bias", true);
  Shape bias{columns};  // as the file holds it
  bool cudnn = false;
  if (use_bias && !simple) {
    // Its layout is told by the bias, as Keras does.
    const auto stored = layer.host.weight_shape(layer, {{"bias"}, 2, {columns}});
    cudnn = stored == std::vector<int64_t>{int64_t{2} * columns};
    const bool two = stored == std::vector<int64_t>{2, columns};
    if (cudnn) bias = {2 * columns};
    if (two) bias = {2, columns};
    a.reset_after = kind == RecurrentCell::gru && (cudnn || two);
  } else if (kind == RecurrentCell::gru) {
    a.reset_after = layer.config.boolean("reset_after", layer.keras_version >= 3);
  }
  if (cudnn) {
    cell.kernel = cudnn_kernel(layer, "kernel", 0, inputs, a.gates(), cell.units);
    cell.recurrent = cudnn_kernel(layer, "recurrent_kernel", 1, cell.units, a.gates(), cell.units);
  } else {
    cell.kernel = plain_kernel(layer, "kernel", 0, inputs, columns);
    cell.recurrent = plain_kernel(layer, "recurrent_kernel", 1, cell.units, columns);
  }
  if (!use_bias) return cell;
  if (a.reset_after) {
    cell.bias = half_bias(layer, bias, columns, false);
    cell.recurrent_bias = half_bias(layer, bias, columns, true);
  } else {
    cell.bias = cudnn ? summed_bias(layer, bias, columns)
                      : plain_weight(layer, {"bias", "b"}, 2, {columns}, {columns});
  }
  return cell;
}

}  // namespace smelt::keras
