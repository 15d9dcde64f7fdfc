#include "smelt/formats/keras/layer.h"

#include <algorithm>

#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/ops.h"

namespace smelt::keras {
namespace {

std::vector<int64_t> wide(const Shape& shape) { return {shape.dims().begin(), shape.dims().end()}; }

/// in [rows, columns] -> out [columns, rows], in tiles that fit the cache.
void transpose(std::span<const float> in, size_t rows, size_t columns, float* out) {
  constexpr size_t kTile = 16;
  for (size_t r0 = 0; r0 < rows; r0 += kTile) {
    for (size_t c0 = 0; c0 < columns; c0 += kTile) {
      for (size_t c = c0; c < std::min(c0 + kTile, columns); ++c) {
        for (size_t r = r0; r < std::min(r0 + kTile, rows); ++r) {
          out[c * rows + r] = in[r * columns + c];
        }
      }
    }
  }
}

/// The layer, and the part of it where that has a name.
std::string weight_prefix(const Layer& layer) {
  std::string prefix = layer.graph.origin();
  for (const PathStep& step : layer.path) {
    if (!step.key.starts_with("layers/") && !step.name.empty()) prefix += "/" + step.name;
  }
  return prefix;
}

void collect_tensors(const Json& value, const Arguments& arguments, std::vector<TensorId>& found) {
  if (!value.is_structured()) return;
  if (value.is_object() && value.contains("$tensor")) {
    const auto last = static_cast<int64_t>(arguments.tensors.size()) - 1;
    const int64_t index = as_integer(value.at("$tensor"), 0, last, "number of a tensor");
    found.push_back(arguments.tensors[static_cast<size_t>(index)]);
    return;
  }
  for (const Json& element : value) collect_tensors(element, arguments, found);
}

TensorId stored_weight(const Layer& layer, const Roles& roles, size_t position, const Shape& shape,
                       const Shape& graph_shape,
                       const std::function<Buffer(std::span<const float>)>& make_data) {
  const WeightQuery query{.roles = roles, .position = position, .shape = wide(shape)};
  return layer.host.weight(layer, query, [&](std::span<const float> values) {
    Tensor tensor{.name = fmt::format("{}/{}", weight_prefix(layer), roles.front()),
                  .shape = graph_shape,
                  .data = make_data(values),
                  .is_constant = true};
    return tensor;
  });
}

}  // namespace

TensorId Layer::input() const {
  if (inputs.size() != 1)
    fail(ErrorKind::bad_file, "it has {} inputs instead of one", inputs.size());
  return inputs[0];
}

const Shape& Layer::input_shape(int rank) const {
  const Shape& shape = graph.shape(input());
  if (shape.rank() != rank) {
    fail(ErrorKind::bad_file, "its input {} does not have rank {}", to_string(shape), rank);
  }
  return shape;
}

const Json* Layer::keyword(std::string_view key) const {
  const auto found = arguments.keywords.find(key);
  if (found == arguments.keywords.end() || found->is_null()) return nullptr;
  used_keywords.emplace(key);
  return &*found;
}

std::vector<TensorId> tensors_in(const Json& value, const Arguments& arguments) {
  std::vector<TensorId> found;
  collect_tensors(value, arguments, found);
  return found;
}

std::vector<TensorId> Layer::keyword_tensors(std::string_view key) const {
  const Json* value = keyword(key);
  return value == nullptr ? std::vector<TensorId>{} : tensors_in(*value, arguments);
}

Layer Layer::part(const Part& part) const {
  Layer inner = *this;
  inner.path.push_back({part.name, part.key, part.first});
  return inner;
}

TensorId plain_weight(const Layer& layer, const Roles& roles, size_t position, Shape shape,
                      const Shape& graph_shape) {
  return stored_weight(layer, roles, position, shape, graph_shape,
                       [](std::span<const float> values) { return Buffer::of(values); });
}

TensorId vector_weight(const Layer& layer, const Roles& roles, size_t position, int32_t size) {
  return plain_weight(layer, roles, position, {size}, {size});
}

TensorId transposed_weight(const Layer& layer, const Roles& roles, size_t position, Shape shape,
                           const Shape& graph_shape) {
  const auto columns = static_cast<size_t>(shape.back());
  const auto make_data = [columns](std::span<const float> values) {
    return Buffer::make(values.size_bytes(), [&](std::span<uint8_t> out) {
      transpose(values, values.size() / columns, columns, reinterpret_cast<float*>(out.data()));
    });
  };
  return stored_weight(layer, roles, position, shape, graph_shape, make_data);
}

TensorId made_weight(const Layer& layer, const Roles& roles, size_t position, const Shape& shape,
                     const Shape& graph_shape, const MakeValues& make) {
  return stored_weight(layer, roles, position, shape, graph_shape,
                       [&](std::span<const float> values) {
                         const std::vector<float> made = make(values);
                         return Buffer::of(std::span<const float>(made));
                       });
}

void require_channels_last(const Layer& layer) {
  const std::string format = layer.config.string("data_format", "channels_last");
  if (format != "channels_last") {
    fail(ErrorKind::unsupported, "data_format \"{}\" is not supported; save the model with {}",
         format, "channels_last");
  }
}

bool channels_first(const Layer& layer) {
  const std::string format = layer.config.string("data_format", "channels_last");
  if (format == "channels_last") return false;
  if (format == "channels_first") return true;
  fail(ErrorKind::bad_file, "data_format \"{}\" is unknown", format);
}

TensorId transposed(const Layer& layer, TensorId x, const std::vector<int32_t>& order) {
  return transpose(layer.graph, x, order);
}

TensorId to_channels_last(const Layer& layer, TensorId x) {
  const int rank = layer.graph.shape(x).rank();
  return rank < 3 ? x : move_axis(layer.graph, x, 1, rank - 1);
}

TensorId from_channels_last(const Layer& layer, TensorId x) {
  const int rank = layer.graph.shape(x).rank();
  return rank < 3 ? x : move_axis(layer.graph, x, rank - 1, 1);
}

Padding read_padding(const Layer& layer) {
  const std::string padding = layer.config.string("padding", "valid");
  if (padding == "same") return Padding::same;
  if (padding == "valid") return Padding::valid;
  fail(ErrorKind::unsupported, "padding \"{}\" is not supported", padding);
}

int32_t output_size(int32_t in, int32_t size, int32_t stride, int32_t dilation, Padding padding) {
  const int64_t window = (int64_t{size} - 1) * dilation + 1;
  const int64_t covered = padding == Padding::same ? in : in - window + 1;
  if (covered < 1) {
    fail(ErrorKind::bad_file, "a window of {} cells does not fit an input of {}", window, in);
  }
  return static_cast<int32_t>((covered + stride - 1) / stride);
}

const TableRow* find_layer(std::string_view class_name) {
  for (const auto& family :
       {activation_layers(), attention_layers(), category_layers(), conv_lstm_layers(),
        convolution_layers(), core_layers(), dense_layers(), image_layers(), merge_layers(),
        normalization_layers(), pooling_layers(), recurrent_layers(), shape_layers(),
        transposed_convolution_layers(), wrapper_layers()}) {
    for (const TableRow& row : family) {
      if (row.class_name == class_name) return &row;
    }
  }
  return find_op(class_name);
}

}  // namespace smelt::keras
