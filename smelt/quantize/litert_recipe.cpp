#include "smelt/quantize/litert_recipe.h"

#include <algorithm>
#include <charconv>

#include "smelt/base/error.h"
#include "smelt/quantize/json_object.h"
#include "smelt/quantize/litert_policy.h"

namespace smelt {
namespace {

constexpr std::string_view kMinMax = "min_max_uniform_quantize";
constexpr std::string_view kFloat16 = "float_casting";
constexpr std::string_view kNone = "no_quantize";

struct TensorConfig {
  int bits;
  bool symmetric;
  bool is_unsigned;
  bool is_float;
  std::string granularity;  ///< "" for TENSORWISE, else as spelled
  int block_size;
};

/// Everything of an entry: where it applies, and what it makes of an op.
struct Entry {
  std::string regex;
  std::string operation;
  std::string where;
  LitertMode mode;
  OpRule rule;
  bool is_unsigned = false;  ///< of activations
};

TensorConfig read_tensor_config(const JsonObject& json) {
  TensorConfig config{.bits = static_cast<int>(json.integer("num_bits", 1, 64)),
                      .symmetric = json.boolean_or("symmetric", true),
                      .is_unsigned = json.string_or("dtype", "INT") == "UINT",
                      .is_float = json.string_or("dtype", "INT") == "FLOAT",
                      .granularity = json.string_or("granularity", "TENSORWISE"),
                      .block_size = static_cast<int>(json.integer_or("block_size", 0, 0, 1 << 20))};
  if (json.has("algorithm_params") && !json.object("algorithm_params").empty()) {
    fail(ErrorKind::unsupported, "{}: algorithm_params are not supported", json.where());
  }
  constexpr std::string_view kBlock = "BLOCKWISE_";
  if (config.granularity.starts_with(kBlock)) {
    const std::string digits = config.granularity.substr(kBlock.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), config.block_size);
  } else if (config.granularity != "TENSORWISE" && config.granularity != "CHANNELWISE") {
    json.wrong("granularity", "is none of TENSORWISE, CHANNELWISE, BLOCKWISE_32 to BLOCKWISE_256");
  }
  constexpr int kBlocks[] = {0, 32, 64, 128, 256};
  if (std::find(std::begin(kBlocks), std::end(kBlocks), config.block_size) == std::end(kBlocks)) {
    json.wrong("granularity", "has blocks of none of 32, 64, 128, 256");
  }
  return config;
}

void set_weights(const TensorConfig& weights, Entry& entry) {
  if (weights.is_float != (entry.mode.algorithm == kFloat16)) {
    fail(ErrorKind::unsupported, "{}: dtype FLOAT and algorithm_key float_casting go together",
         entry.where);
  }
  if (entry.mode.algorithm != kFloat16) {
    if (weights.bits != 8 && weights.bits != 4) {
      fail(ErrorKind::unsupported, "{}: weights of {} bits are not supported; there are 8 and 4",
           entry.where, weights.bits);
    }
    if (!weights.symmetric || weights.is_unsigned) {
      fail(ErrorKind::unsupported, "{}: weights must be symmetric and signed", entry.where);
    }
    entry.rule.weight_bits = entry.mode.weight_bits = weights.bits;
  }
  entry.mode.blockwise = weights.block_size > 0;
  entry.rule.block_size = weights.block_size;
  entry.rule.granularity = entry.mode.blockwise                   ? Granularity::blockwise
                           : weights.granularity == "CHANNELWISE" ? Granularity::per_channel
                                                                  : Granularity::per_tensor;
}

void set_activations(const TensorConfig& activations, Entry& entry) {
  entry.is_unsigned = activations.is_unsigned;
  const bool sixteen = activations.bits == 16;
  if ((!sixteen && activations.bits != 8) || activations.is_float) {
    fail(ErrorKind::unsupported, "{}: activations of {} bits are not supported; there are 8 and 16",
         entry.where, activations.bits);
  }
  if (activations.symmetric != sixteen) {
    fail(ErrorKind::unsupported, "{}: activations are symmetric in 16 bits and not in 8",
         entry.where);
  }
  entry.mode.precision = sixteen ? Precision::int16x8 : Precision::int8;
}

void read_config(const JsonObject& config, Entry& entry) {
  const std::vector<std::string_view> tensor_keys{"num_bits", "symmetric",        "granularity",
                                                  "dtype",    "algorithm_params", "block_size"};
  if (config.boolean_or("skip_checks", false)) {
    fail(ErrorKind::unsupported,
         "{}: skip_checks is not supported: ops are quantized where they have a kernel",
         entry.where);
  }
  entry.rule.min_weight_elements = config.integer_or("min_weight_elements", 0, 0, INT64_MAX);
  set_weights(read_tensor_config(config.object("weight_tensor_config", tensor_keys)), entry);
  const std::string compute = config.string_or("compute_precision", "FLOAT");
  const bool explicit_dequantize = config.boolean_or("explicit_dequantize", false);
  if (config.has("activation_tensor_config")) {
    if (compute != "INTEGER" || explicit_dequantize) {
      config.wrong("activation_tensor_config", "needs compute_precision INTEGER");
    }
    set_activations(read_tensor_config(config.object("activation_tensor_config", tensor_keys)),
                    entry);
  } else if (compute == "INTEGER" && !explicit_dequantize) {
    entry.mode.precision = Precision::dynamic;
  } else if (compute == "FLOAT" && explicit_dequantize) {
    entry.mode.precision =
        entry.mode.algorithm == kFloat16 ? Precision::float16 : Precision::weight_only;
  } else {
    config.wrong("compute_precision",
                 "must be INTEGER without or FLOAT with explicit_dequantize for such weights");
  }
}

Entry read_entry(const Json& json, size_t position) {
  const JsonObject object(json, fmt::format("entry {}", position),
                          {"regex", "operation", "algorithm_key", "op_config"});
  Entry entry{.regex = object.string("regex"),
              .operation = object.string("operation"),
              .where = object.where()};
  const std::string algorithm = object.string("algorithm_key");
  for (const std::string_view known :
       {kNone, kMinMax, kFloat16, std::string_view("OCTAV"), std::string_view("MSE")}) {
    if (algorithm == known) entry.mode.algorithm = known;
  }
  if (entry.mode.algorithm.empty()) {
    fail(ErrorKind::unsupported,
         "{}: algorithm_key {} is not supported; there are no_quantize, min_max_uniform_quantize, "
         "float_casting, OCTAV, MSE",
         entry.where, algorithm);
  }
  entry.rule.pattern = entry.regex == ".*" ? "" : entry.regex;
  entry.rule.weight_range = algorithm == "OCTAV" ? WeightRange::octav
                            : algorithm == "MSE" ? WeightRange::mse
                                                 : WeightRange::minmax;
  entry.rule.ranges = RangeMethod::moving_average;
  if (algorithm != kNone) {
    read_config(object.object("op_config", {"activation_tensor_config", "weight_tensor_config",
                                            "compute_precision", "explicit_dequantize",
                                            "skip_checks", "min_weight_elements"}),
                entry);
  }
  entry.rule.precision = entry.mode.precision;
  return entry;
}

/// Entries by regex, as the LiteRT quantizer keeps them.
std::vector<Entry> in_order_of_priority(std::vector<Entry> entries) {
  std::vector<std::vector<Entry>> groups;
  for (Entry& entry : entries) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& known) {
      return known.front().regex == entry.regex;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), std::vector<Entry>());
    if (entry.operation == "*") group->clear();
    const auto same = std::find_if(group->begin(), group->end(), [&](const Entry& known) {
      return known.operation == entry.operation;
    });
    if (same != group->end()) {
      *same = std::move(entry);
    } else {
      group->push_back(std::move(entry));
    }
  }
  std::vector<Entry> result;
  for (std::vector<Entry>& group : groups) {
    std::move(group.begin(), group.end(), std::back_inserter(result));
  }
  return result;
}

void add_rules(const Entry& entry, Recipe& recipe) {
  if (entry.operation == "INPUT" || entry.operation == "OUTPUT") return;
  std::vector<OpType> allowed = litert_ops(entry.mode);
  OpRule rule = entry.rule;
  if (entry.mode.algorithm == kNone) {
    if (entry.operation != "*") rule.op = litert_op(entry.operation);
    recipe.rules.push_back(rule);
    return;
  }
  if (entry.operation != "*") {
    const OpType wanted = litert_op(entry.operation);
    if (std::find(allowed.begin(), allowed.end(), wanted) == allowed.end()) allowed.clear();
    if (!allowed.empty()) allowed = {wanted};
  }
  if (allowed.empty()) {
    fail(ErrorKind::unsupported, "{}: {} cannot be quantized like that", entry.where,
         entry.operation == "*" ? "no op" : entry.operation);
  }
  for (const OpType type : allowed) {
    rule.op = type;
    recipe.rules.push_back(rule);
  }
}

/// The type of inputs or outputs, which are ops called INPUT and OUTPUT there.
IoType io_of(const std::vector<Entry>& entries, std::string_view side) {
  IoType type = IoType::float32;
  for (const Entry& entry : entries) {
    if (entry.operation != side && entry.operation != "*") continue;
    if (!entry.rule.pattern.empty()) {
      if (entry.operation == "*") continue;
      fail(ErrorKind::unsupported, "{}: {} by name is not supported; regex must be .*", entry.where,
           side);
    }
    if (entry.mode.precision == Precision::int8) {
      type = entry.is_unsigned ? IoType::uint8 : IoType::int8;
    } else if (entry.mode.precision == Precision::int16x8) {
      type = IoType::int16;
    } else if (entry.mode.algorithm == kNone) {
      type = IoType::float32;
    }
  }
  return type;
}

}  // namespace

Recipe litert_recipe(const Json& json) {
  if (!json.is_array()) fail(ErrorKind::bad_file, "the recipe is no list of entries");
  std::vector<Entry> entries;
  for (size_t i = 0; i < json.size(); ++i) entries.push_back(read_entry(json[i], i + 1));
  entries = in_order_of_priority(std::move(entries));
  Recipe recipe = scheme("none");
  for (const Entry& entry : entries) add_rules(entry, recipe);
  recipe.io = io_of(entries, "INPUT");
  if (io_of(entries, "OUTPUT") != recipe.io) {
    fail(ErrorKind::unsupported, "inputs and outputs of different types are not supported");
  }
  return recipe;
}

}  // namespace smelt
