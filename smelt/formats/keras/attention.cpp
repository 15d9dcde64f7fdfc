#include <cmath>

#include "smelt/formats/common/compose.h"
#include "smelt/formats/keras/dense.h"
#include "smelt/formats/keras/einsum.h"
#include "smelt/formats/keras/layer.h"

namespace smelt::keras {
namespace {

/// What an attention is called with. `key` is `value` where the call names none.
struct Operands {
  TensorId query, value, key;
};

Operands read_operands(const Layer& layer) {
  std::vector<TensorId> tensors = layer.inputs;
  for (const char* keyword : {"query", "value", "key"}) {
    for (const TensorId tensor : layer.keyword_tensors(keyword)) tensors.push_back(tensor);
  }
  if (tensors.size() < 2 || tensors.size() > 3) {
    fail(ErrorKind::bad_file, "it has {} inputs instead of query, value and key", tensors.size());
  }
  for (TensorId& tensor : tensors) {
    if (layer.graph.shape(tensor).rank() < 3) {
      fail(ErrorKind::bad_file, "its input {} is no sequence",
           to_string(layer.graph.shape(tensor)));
    }
    tensor = cast(layer.graph, tensor, DataType::float32);
  }
  return {tensors[0], tensors[1], tensors.back()};
}

bool flag(const Layer& layer, std::string_view keyword) {
  const Json* value = layer.keyword(keyword);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

/// 1 where a query may see a key: not later than itself, and nearer than `window` (0: any).
TensorId visible(GraphWriter& graph, int32_t queries, int32_t keys, bool causal, int32_t window) {
  if (!causal && window == 0) return TensorId::none;
  constexpr int64_t kMaxPairs = 1 << 24;
  if (int64_t{queries} * keys > kMaxPairs) {
    fail(ErrorKind::unsupported, "a mask of {} queries and {} keys is not supported", queries,
         keys);
  }
  std::vector<float> values;
  for (int32_t q = 0; q < queries; ++q) {
    for (int32_t k = 0; k < keys; ++k) {
      const bool far = window > 0 && std::abs(q - k) >= window;
      values.push_back((causal && k > q) || far ? 0.0f : 1.0f);
    }
  }
  return floats(graph, "mask", values, {1, queries, keys});
}

TensorId both(GraphWriter& graph, TensorId a, TensorId b) {
  if (!a || !b) return a ? a : b;
  return graph.binary(OpType::mul, a, b);
}

/// A boolean mask as ones and zeros of another shape.
TensorId ones(GraphWriter& graph, TensorId mask, const std::vector<int32_t>& sample) {
  return mask ? reshape(graph, cast(graph, mask, DataType::float32), sample) : mask;
}

/// scores where the mask is 1, far below all others where it is 0.
TensorId masked(GraphWriter& graph, TensorId scores, TensorId mask) {
  if (!mask) return scores;
  const TensorId low = graph.binary(OpType::mul, graph.binary(OpType::add, mask, -1), 1e9f);
  return graph.binary(OpType::add, scores, low);
}

/// The masks of query [N,T] and value [N,S] as [N,T,S], and that of the call: [N,T,S] or more.
TensorId attention_mask(const Layer& layer, int32_t queries, int32_t keys, int32_t window) {
  GraphWriter& graph = layer.graph;
  TensorId mask = visible(graph, queries, keys, flag(layer, "use_causal_mask"), window);
  for (size_t i = 0; i < layer.masks.size(); ++i) {
    const std::vector<int32_t> sample =
        i == 0 ? std::vector<int32_t>{queries, 1} : std::vector<int32_t>{1, keys};
    mask = both(graph, mask, ones(graph, layer.masks[i], sample));
  }
  const std::vector<TensorId> given = layer.keyword_tensors("attention_mask");
  if (given.size() != 1) return mask;
  return both(graph, mask, cast(graph, given[0], DataType::float32));
}

/// The projections of a multi-head attention, one behind the other in the file.
class Projections {
 public:
  explicit Projections(const Layer& layer)
      : layer_(layer), bias_(layer.config.boolean("use_bias", true)) {}

  /// x [..., C] -> [..., heads, size], or of `bound` axes to [..., sizes]; named `name` by Keras.
  TensorId apply(const std::string& key, const std::string& name, TensorId x, int bound,
                 const std::vector<int32_t>& sizes, float scale = 1, bool gate = false) {
    const int rank = layer_.graph.shape(x).rank();
    std::string labels;
    for (int i = 0; i < rank; ++i) labels += static_cast<char>('a' + i);
    const std::string free = labels.substr(0, static_cast<size_t>(rank - bound));
    const std::string summed = labels.substr(free.size());
    std::string results;
    for (size_t i = 0; i < sizes.size(); ++i) results += static_cast<char>('p' + i);
    const DenseEquation dense{.equation = labels + "," + summed + results + "->" + free + results,
                              .bias_axes = bias_ ? results : "",
                              .output_shape = sizes,
                              .scale = scale};
    static const Json kPlain = Json::object();
    static const Json kGate = {{"activation", "sigmoid"}};
    Layer part = layer_.part({.key = key, .name = name, .first = position_});
    part.config = Config(gate ? kGate : kPlain);
    position_ += bias_ ? 2 : 1;
    return einsum_dense(part, dense, x);
  }

 private:
  const Layer& layer_;
  bool bias_;
  size_t position_ = 0;
};

Results with_scores(const Layer& layer, TensorId output, TensorId scores) {
  if (!flag(layer, "return_attention_scores")) return output;
  return Results(std::vector<TensorId>{output, scores});
}

/// Labels of the axes of query, key and scores: all but the attended ones are shared.
struct AttentionLabels {
  std::string query, key, scores;
  size_t attended = 0;
};

AttentionLabels label_axes(const Layer& layer, int rank) {
  std::vector<bool> attended(static_cast<size_t>(rank), false);
  if (const Json* axes = layer.config.find("attention_axes")) {
    const Json list = axes->is_array() ? *axes : Json::array({*axes});
    for (const Json& json : list) {
      const int axis =
          normalized_axis(as_integer(json, -kMaxSize, kMaxSize, "\"attention_axes\""), rank - 1);
      if (axis == 0 || axis == rank - 2) {
        fail(ErrorKind::bad_file, "\"attention_axes\" names the batch or the channels");
      }
      attended[static_cast<size_t>(axis)] = true;
    }
  } else {
    for (int i = 1; i < rank - 2; ++i) attended[static_cast<size_t>(i)] = true;
  }
  AttentionLabels labels;
  std::string queries, keys;
  for (int i = 0; i < rank; ++i) {
    const char label = static_cast<char>('a' + i);
    const bool own = attended[static_cast<size_t>(i)];
    labels.query += label;
    labels.key += own ? static_cast<char>('A' + i) : label;
    if (own) {
      queries += label;
      keys += static_cast<char>('A' + i);
    } else if (i < rank - 1) {
      labels.scores += label;
    }
  }
  labels.attended = queries.size();
  labels.scores += queries + keys;
  return labels;
}

/// Over the last `axes` axes together.
TensorId softmax_over(GraphWriter& graph, TensorId x, size_t axes) {
  if (axes == 1) return softmax(graph, x);
  const std::vector<int32_t> dims = graph.shape(x).dims();
  std::vector<int32_t> joined(dims.begin() + 1, dims.end() - static_cast<ptrdiff_t>(axes));
  joined.push_back(static_cast<int32_t>(graph.shape(x).elements(
      static_cast<int>(dims.size() - axes), static_cast<int>(dims.size()))));
  return reshape(graph, softmax(graph, reshape(graph, x, joined)), {dims.begin() + 1, dims.end()});
}

/// Axes of size 1 for the heads, in front of those of queries and keys.
TensorId with_heads(GraphWriter& graph, TensorId mask, int rank, size_t attended) {
  if (!mask) return mask;
  std::vector<int32_t> dims = graph.shape(mask).dims();
  if (static_cast<int>(dims.size()) >= rank) return mask;
  if (dims.size() < attended * 2 + 1) fail(ErrorKind::bad_file, "its mask has too few axes");
  dims.insert(dims.end() - static_cast<ptrdiff_t>(attended * 2),
              static_cast<size_t>(rank) - dims.size(), 1);
  return reshape(graph, mask, {dims.begin() + 1, dims.end()});
}

std::vector<int32_t> output_sizes(const Layer& layer, int32_t channels) {
  const Json* setting = layer.config.find("output_shape");
  if (setting == nullptr) return {channels};
  const Json list = setting->is_array() ? *setting : Json::array({*setting});
  std::vector<int32_t> sizes;
  for (const Json& json : list) {
    sizes.push_back(static_cast<int32_t>(as_integer(json, 1, kMaxSize, "\"output_shape\"")));
  }
  if (sizes.empty() || sizes.size() > 4) fail(ErrorKind::bad_file, "\"output_shape\" is malformed");
  return sizes;
}

/// query [N,T...,C], value and key [N,S...,C'] -> [N,T...,C], and the scores [N,heads,T...,S...].
Results import_multi_head_attention(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const Operands x = read_operands(layer);
  const int rank = graph.shape(x.query).rank();
  if (rank > 6 || graph.shape(x.key).rank() != rank || graph.shape(x.value).rank() != rank) {
    fail(ErrorKind::unsupported, "a query of rank {} with such keys is not supported", rank);
  }
  const int32_t heads = layer.config.integer("num_heads");
  const int32_t size = layer.config.integer("key_dim");
  const int32_t value_size = layer.config.integer_or("value_dim", size);
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  Projections project(layer);
  const TensorId query = project.apply("query_dense", "query", x.query, 1, {heads, size}, scale);
  const TensorId key = project.apply("key_dense", "key", x.key, 1, {heads, size});
  TensorId gate;
  if (layer.config.boolean("use_gate", false)) {
    gate = project.apply("_gate_dense", "gate", x.query, 1, {heads, value_size}, 1, true);
  }
  const TensorId value = project.apply("value_dense", "value", x.value, 1, {heads, value_size});
  const AttentionLabels labels = label_axes(layer, rank + 1);
  const TensorId mask =
      with_heads(graph,
                 attention_mask(layer, graph.shape(x.query)[1], graph.shape(x.value)[1],
                                layer.config.integer_or("sliding_window", 0)),
                 static_cast<int>(labels.scores.size()), labels.attended);
  const TensorId products =
      einsum(graph, labels.query + "," + labels.key + "->" + labels.scores, query, key);
  const TensorId scores = softmax_over(graph, masked(graph, products, mask), labels.attended);
  TensorId y = einsum(graph, labels.scores + "," + labels.key + "->" + labels.query, scores, value);
  if (gate) y = graph.binary(OpType::mul, y, gate);
  const std::vector<int32_t> sizes = output_sizes(layer, graph.shape(x.query).back());
  return with_scores(layer, project.apply("output_dense", "attention_output", y, 2, sizes), scores);
}

/// Heads of the query in groups, each of which shares a head of key and value.
Results import_grouped_query_attention(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const Operands x = read_operands(layer);
  const Shape in = graph.shape(x.query);
  const int32_t size = layer.config.integer("head_dim");
  const int32_t heads = layer.config.integer("num_query_heads");
  const int32_t shared = layer.config.integer("num_key_value_heads");
  if (heads % shared != 0 || in.rank() != 3) {
    fail(ErrorKind::bad_file, "{} heads do not share {} ones", heads, shared);
  }
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  Projections project(layer);
  TensorId query = project.apply("_query_dense", "query", x.query, 1, {heads, size}, scale);
  const TensorId key = project.apply("_key_dense", "key", x.key, 1, {shared, size});
  TensorId gate;
  if (layer.config.boolean("use_gate", false)) {
    gate = project.apply("_gate_dense", "gate", x.query, 1, {heads, size}, 1, true);
  }
  const TensorId value = project.apply("_value_dense", "value", x.value, 1, {shared, size});
  query = reshape(graph, query, {in[1], shared, heads / shared, size});
  const int32_t keys = graph.shape(x.key)[1];
  const TensorId mask = with_heads(
      graph, attention_mask(layer, in[1], keys, layer.config.integer_or("sliding_window", 0)), 4,
      1);
  // [N, shared, heads of a group, T, S], groups and heads joined for the mask.
  const TensorId products =
      reshape(graph, einsum(graph, "btvrh,bsvh->bvrts", query, key), {heads, in[1], keys});
  const TensorId scores = softmax(graph, masked(graph, products, mask));
  const TensorId grouped = reshape(graph, scores, {shared, heads / shared, in[1], keys});
  TensorId y =
      reshape(graph, einsum(graph, "bvrts,bsvh->btvrh", grouped, value), {in[1], heads, size});
  if (gate) y = graph.binary(OpType::mul, y, gate);
  return with_scores(layer, project.apply("_output_dense", "attention_output", y, 2, {in[2]}),
                     scores);
}

/// The masks of query and value: those of the inputs, or mask=[query_mask, value_mask].
std::array<TensorId, 2> query_and_value_masks(const Layer& layer) {
  std::array<TensorId, 2> masks;
  for (size_t i = 0; i < masks.size() && i < layer.masks.size(); ++i) masks[i] = layer.masks[i];
  const Json* given = layer.keyword("mask");
  if (given == nullptr || !given->is_array()) return masks;
  const std::vector<TensorId> tensors = layer.keyword_tensors("mask");
  for (size_t i = 0, next = 0; i < masks.size() && i < given->size(); ++i) {
    masks[i] = (*given)[i].is_null() || next >= tensors.size() ? TensorId::none : tensors[next++];
  }
  return masks;
}

/// softmax(scores) times value, with what the masks leave: [N,T,C].
Results attend(const Layer& layer, const Operands& x, TensorId scores) {
  GraphWriter& graph = layer.graph;
  const int32_t queries = graph.shape(x.query)[1], keys = graph.shape(x.value)[1];
  const auto [query_mask, value_mask] = query_and_value_masks(layer);
  const bool causal = flag(layer, "use_causal_mask") || layer.config.boolean("causal", false);
  const TensorId mask =
      both(graph, visible(graph, queries, keys, causal, 0), ones(graph, value_mask, {1, keys}));
  const TensorId weights = softmax(graph, masked(graph, scores, mask));
  TensorId y = matmul(graph, weights, x.value);
  if (query_mask) {
    y = graph.binary(OpType::mul, y, ones(graph, query_mask, {queries, 1}));
  }
  return with_scores(layer, y, weights);
}

void require_rank_3(const Layer& layer, const Operands& x) {
  for (const TensorId tensor : {x.query, x.value, x.key}) {
    if (layer.graph.shape(tensor).rank() != 3) {
      fail(ErrorKind::bad_file, "its input {} is no sequence of vectors",
           to_string(layer.graph.shape(tensor)));
    }
  }
}

/// sum(tanh(query + key) * scale) over the channels, for every pair: [N,T,S].
TensorId additive_scores(GraphWriter& graph, TensorId query, TensorId key, TensorId inner,
                         TensorId outer) {
  const Shape q = graph.shape(query), k = graph.shape(key);
  TensorId sum = graph.binary(OpType::add, reshape(graph, query, {q[1], 1, q[2]}),
                              reshape(graph, key, {1, k[1], k[2]}));
  if (inner) sum = graph.binary(OpType::mul, sum, inner);
  TensorId y = graph.unary(OpType::tanh, sum);
  if (outer) y = graph.binary(OpType::mul, y, outer);
  return reduce(graph, OpType::sum, y, {3}, false);
}

/// Luong's attention.
Results import_attention(const Layer& layer) {
  GraphWriter& graph = layer.graph;
  const Operands x = read_operands(layer);
  require_rank_3(layer, x);
  const std::string mode = layer.config.string("score_mode", "dot");
  size_t position = 0;
  TensorId scale;
  if (layer.config.boolean("use_scale", false)) {
    scale = plain_weight(layer, {"scale"}, position++, {}, {});
  }
  if (mode == "dot") {
    const TensorId scores = matmul(graph, x.query, x.key, true);
    return attend(layer, x, scale ? graph.binary(OpType::mul, scores, scale) : scores);
  }
  if (mode != "concat") fail(ErrorKind::unsupported, "score_mode \"{}\" is not supported", mode);
  const TensorId weight = plain_weight(layer, {"concat_score_weight"}, position, {}, {});
  const TensorId scores = additive_scores(graph, x.query, x.key, scale, TensorId::none);
  return attend(layer, x, graph.binary(OpType::mul, scores, weight));
}

/// Bahdanau's attention.
Results import_additive_attention(const Layer& layer) {
  const Operands x = read_operands(layer);
  require_rank_3(layer, x);
  TensorId scale;
  if (layer.config.boolean("use_scale", true)) {
    scale = vector_weight(layer, {"scale"}, 0, layer.graph.shape(x.query)[2]);
  }
  return attend(layer, x, additive_scores(layer.graph, x.query, x.key, TensorId::none, scale));
}

constexpr TableRow kRows[] = {
    {.class_name = "Attention", .import = import_attention, .passes_mask = true},
    {.class_name = "AdditiveAttention", .import = import_additive_attention, .passes_mask = true},
    {.class_name = "MultiHeadAttention",
     .import = import_multi_head_attention,
     .passes_mask = true},
    {.class_name = "GroupedQueryAttention",
     .import = import_grouped_query_attention,
     .passes_mask = true},
    {.class_name = "GroupQueryAttention",
     .import = import_grouped_query_attention,
     .passes_mask = true},
};

}  // namespace

std::span<const TableRow> attention_layers() { return kRows; }

}  // namespace smelt::keras
