#include "smelt/formats/keras/keras1.h"

#include <algorithm>
#include <array>

#include "smelt/base/error.h"

namespace smelt::keras {
namespace {

struct Renamed {
  std::string_view before, after;
};
constexpr Renamed kClasses[] = {
    {"AtrousConvolution1D", "Conv1D"},
    {"AtrousConvolution2D", "Conv2D"},
    {"Convolution1D", "Conv1D"},
    {"Convolution2D", "Conv2D"},
    {"Convolution3D", "Conv3D"},
    {"Deconvolution2D", "Conv2DTranspose"},
    {"SeparableConvolution2D", "SeparableConv2D"},
    {"TimeDistributedDense", "Dense"},
};
constexpr Renamed kSettings[] = {
    {"atrous_rate", "dilation_rate"},
    {"bias", "use_bias"},
    {"border_mode", "padding"},
    {"filter_length", "kernel_size"},
    {"inner_activation", "recurrent_activation"},
    {"length", "size"},
    {"nb_filter", "filters"},
    {"p", "rate"},
    {"pool_length", "pool_size"},
    {"stride", "strides"},
    {"subsample", "strides"},
    {"subsample_length", "strides"},
};

/// Modes of "Merge" as classes.
constexpr Renamed kMergeModes[] = {
    {"ave", "Average"}, {"concat", "Concatenate"}, {"max", "Maximum"}, {"mul", "Multiply"},
    {"sum", "Add"},
};

void rename(Json& settings, std::string_view before, std::string_view after) {
  const auto found = settings.find(before);
  if (found == settings.end()) return;
  Json value = std::move(*found);
  settings.erase(found);
  if (!settings.contains(after)) settings[std::string(after)] = std::move(value);
}

/// Several settings that become one list.
void join(Json& settings, const std::vector<std::string>& before, const std::string& after) {
  Json list = Json::array();
  for (const std::string& key : before) {
    if (!settings.contains(key)) return;
    list.push_back(settings[key]);
    settings.erase(key);
  }
  settings[after] = std::move(list);
}

void modernize_merge(std::string& class_name, Json& settings) {
  const std::string mode = Config(settings).string("mode", "sum");
  for (const auto& [before, after] : kMergeModes) {
    if (mode == before) class_name = after;
  }
  rename(settings, "concat_axis", "axis");
}

/// "input_dim" and "input_length" of a first layer as its input shape.
void state_input_shape(const std::string& class_name, Json& settings) {
  if (settings.contains("batch_input_shape") || !settings.contains("input_dim")) return;
  const Json* length = Config(settings).find("input_length");
  const bool indices = class_name == "Embedding";
  Json shape = Json::array({nullptr});
  if (class_name != "Dense") shape.push_back(length == nullptr ? Json() : Json(*length));
  if (!indices) shape.push_back(settings["input_dim"]);
  if (!settings["input_dim"].is_null()) settings["batch_input_shape"] = std::move(shape);
}

void modernize_layer(Json& layer, int depth) {
  constexpr int kMaxDepth = 32;
  if (depth > kMaxDepth) fail(ErrorKind::bad_file, "layers nest too deeply");
  std::string class_name = Config(layer).string("class_name");
  Config(layer).at("config");
  Json& settings = layer["config"];
  if (settings.is_array()) {
    for (Json& inner : settings) modernize_layer(inner, depth + 1);
    return;
  }
  if (!settings.is_object()) return;
  if (settings.contains("layers") && settings["layers"].is_array()) {
    for (Json& inner : settings["layers"]) modernize_layer(inner, depth + 1);
  }
  if (settings.contains("layer") && settings["layer"].is_object()) {
    modernize_layer(settings["layer"], depth + 1);
  }
  for (const auto& [before, after] : kClasses) {
    if (class_name == before) class_name = after;
  }
  for (const auto& [before, after] : kSettings) rename(settings, before, after);
  if (class_name != "Embedding") rename(settings, "output_dim", "units");
  join(settings, {"nb_row", "nb_col"}, "kernel_size");
  join(settings, {"kernel_dim1", "kernel_dim2", "kernel_dim3"}, "kernel_size");
  if (const std::string order = Config(settings).string("dim_ordering", ""); !order.empty()) {
    settings["data_format"] = order == "th" ? "channels_first" : "channels_last";
  }
  if (class_name == "Merge") modernize_merge(class_name, settings);
  state_input_shape(class_name, settings);
  layer["class_name"] = class_name;
}

/// [a,b,c,d] -> [c,d,b,a].
std::vector<float> filters_last(std::span<const float> in, const std::vector<int64_t>& shape) {
  const auto outputs = static_cast<size_t>(shape[0]), depth = static_cast<size_t>(shape[1]);
  const auto cells = static_cast<size_t>(shape[2] * shape[3]);
  std::vector<float> out(in.size());
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t d = 0; d < depth; ++d) {
      for (size_t cell = 0; cell < cells; ++cell) {
        out[(cell * depth + d) * outputs + o] = in[(o * depth + d) * cells + cell];
      }
    }
  }
  return out;
}

hdf5::Floats owned(std::vector<float> values) {
  const auto block = std::make_shared<const std::vector<float>>(std::move(values));
  return {*block, block};
}

/// The gates of a recurrent layer, each [rows, units] or [units], side by side.
hdf5::Floats join_gates(const std::vector<StoredWeight>& gates) {
  const auto units = static_cast<size_t>(gates[0].shape.back());
  std::vector<hdf5::Floats> parts;
  for (const StoredWeight& gate : gates) parts.push_back(gate.read());
  const size_t rows = units == 0 ? 0 : parts[0].values.size() / units;
  std::vector<float> joined;
  joined.reserve(rows * units * parts.size());
  for (size_t row = 0; row < rows; ++row) {
    for (const hdf5::Floats& part : parts) {
      const auto values = part.values.subspan(row * units, units);
      joined.insert(joined.end(), values.begin(), values.end());
    }
  }
  return owned(std::move(joined));
}

class ModernizedWeights : public WeightSource {
 public:
  explicit ModernizedWeights(std::unique_ptr<WeightSource> weights)
      : weights_(std::move(weights)) {}

  std::optional<StoredWeight> find(const LayerPath& path, const WeightQuery& query) override {
    if (auto joined = find_gates(path, query)) return joined;
    auto found = weights_->find(path, query);
    if (found && found->shape != query.shape && found->shape.size() == 4) reorder(*found, query);
    return found;
  }

 private:
  std::optional<StoredWeight> find_gates(const LayerPath& path, const WeightQuery& query) {
    constexpr std::array<std::array<std::string_view, 2>, 3> kRoles{
        {{"kernel", "W"}, {"recurrent_kernel", "U"}, {"bias", "b"}}};
    for (const auto& [role, letter] : kRoles) {
      if (query.roles.empty() || query.roles.front() != role) continue;
      for (const std::string_view gates : {"ifco", "zrh"}) {
        std::vector<StoredWeight> parts;
        for (const char gate : gates) {
          const std::string name = fmt::format("{}_{}", letter, gate);
          auto part = weights_->find(path, {.roles = {name}, .position = kNowhere});
          if (part && !part->shape.empty()) parts.push_back(std::move(*part));
        }
        if (parts.size() == gates.size()) return joined(std::move(parts));
      }
    }
    return std::nullopt;
  }

  static std::optional<StoredWeight> joined(std::vector<StoredWeight> parts) {
    for (const StoredWeight& part : parts) {
      if (part.shape != parts[0].shape) {
        fail(ErrorKind::bad_file, "weight \"{}\" has another shape than \"{}\"", part.name,
             parts[0].name);
      }
    }
    StoredWeight weight{parts[0].name, parts[0].shape, {}};
    weight.shape.back() =
        checked_mul(weight.shape.back(), static_cast<int64_t>(parts.size()), "size of a weight");
    weight.read = [parts = std::move(parts)] { return join_gates(parts); };
    return weight;
  }

  /// Convolutions: Conv1D had a second axis of size 1, and "th" layers the filters in front.
  static void reorder(StoredWeight& weight, const WeightQuery& query) {
    const std::vector<int64_t> shape = weight.shape;
    std::vector<int64_t> last{shape[2], shape[3], shape[1], shape[0]};
    const auto flat = [](std::vector<int64_t> dims) {
      if (dims[1] == 1) dims.erase(dims.begin() + 1);
      return dims;
    };
    if (query.shape == flat(shape)) {
      weight.shape = query.shape;
    } else if (query.shape == last || query.shape == flat(last)) {
      weight.shape = query.shape;
      weight.read = [shape, read = weight.read] {
        return owned(filters_last(read().values, shape));
      };
    }
  }

  static constexpr size_t kNowhere = size_t{1} << 40;
  std::unique_ptr<WeightSource> weights_;
};

}  // namespace

void modernize(Json& model) { modernize_layer(model, 0); }

std::unique_ptr<WeightSource> modernized_weights(std::unique_ptr<WeightSource> weights) {
  return std::make_unique<ModernizedWeights>(std::move(weights));
}

}  // namespace smelt::keras
