#include "smelt/formats/tensorflow/recurrent.h"

#include <algorithm>

namespace smelt::tensorflow {
namespace {

std::string text_of(const proto::FunctionDef& function, const std::string& name) {
  const auto found = function.attr().find(name);
  return found == function.attr().end() ? "" : found->second.s();
}

bool flag_of(const proto::FunctionDef& function, const std::string& name) {
  const auto found = function.attr().find(name);
  return found != function.attr().end() && found->second.b();
}

bool all_zeros(Builder& graph, TensorId id) {
  const Tensor& tensor = graph.tensor(id);
  const ByteView bytes = tensor.data.bytes();
  return tensor.is_constant &&
         std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

class Layer {
 public:
  Layer(const Node& node, const proto::FunctionDef& function, RecurrentCell cell)
      : node_(node), graph_(node.graph), time_major_(flag_of(function, "time_major")) {
    attributes_.cell = cell;
    attributes_.reset_after = cell == RecurrentCell::gru;
    attributes_.go_backwards = flag_of(function, "go_backwards");
    states_ = attributes_.states();
  }

  /// x, states, kernel [I,G*U], recurrent kernel [U,G*U], bias [G*U] or (GRU) [2,G*U].
  bool fits() const {
    if (node_.count() < 4 + states_ || node_.count() > 5 + states_) return false;
    for (const Value& value : node_.inputs) {
      if (value.kind != Value::Kind::tensor) return false;
    }
    return node_.rank(0) == 3 && node_.rank(1) == 2 && node_.rank(1 + states_) == 2 &&
           node_.rank(2 + states_) == 2;
  }

  Values run() {
    TensorId x = node_.input(0);
    if (time_major_) x = graph_.transpose(x, {1, 0, 2});
    operands_ = {x, graph_.transpose(node_.input(1 + states_), {1, 0}),
                 graph_.transpose(node_.input(2 + states_), {1, 0})};
    add_biases(node_.input(3 + states_));
    const bool masked = node_.count() > 4 + states_;
    operands_.push_back(masked ? node_.input(4 + states_) : TensorId::none);
    for (size_t i = 0; i < states_; ++i) {
      const TensorId state = node_.input(1 + i);
      operands_.push_back(all_zeros(graph_, state) ? TensorId::none : state);
    }
    while (!operands_.back()) operands_.pop_back();
    // Each use gets an op of its own; those that nobody reads are dropped.
    const TensorId last = layer(false, 1)[0];
    TensorId all = layer(true, 1)[0];
    if (time_major_) all = graph_.transpose(all, {1, 0, 2});
    const std::vector<TensorId> final_states = layer(false, 1 + states_);
    Values results{last, all, last};
    if (states_ == 2) results.push_back(final_states[2]);
    results.push_back(Value());
    return results;
  }

 private:
  void add_biases(TensorId bias) {
    if (attributes_.cell == RecurrentCell::lstm) {
      operands_.push_back(bias);
      operands_.push_back(TensorId::none);
      return;
    }
    const std::vector<TensorId> rows =
        graph_.ops(OpType::unpack, {bias}, UnpackAttributes{.count = 2, .axis = 0},
                   {DataType::float32, DataType::float32});
    operands_.insert(operands_.end(), rows.begin(), rows.end());
  }

  std::vector<TensorId> layer(bool sequences, size_t results) {
    RecurrentAttributes attributes = attributes_;
    attributes.return_sequences = sequences;
    return graph_.ops(OpType::recurrent, operands_, attributes,
                      std::vector<DataType>(results, DataType::float32));
  }

  const Node& node_;
  Builder& graph_;
  bool time_major_;
  RecurrentAttributes attributes_;
  size_t states_ = 1;
  std::vector<TensorId> operands_;
};

}  // namespace

std::optional<Values> recurrent_call(const Node& node, const proto::FunctionDef& function) {
  const std::string implements = text_of(function, "api_implements");
  const bool lstm = implements.starts_with("lstm_");
  if (!lstm && !implements.starts_with("gru_")) return std::nullopt;
  Layer layer(node, function, lstm ? RecurrentCell::lstm : RecurrentCell::gru);
  const auto results = static_cast<size_t>(function.signature().output_arg_size());
  if (!layer.fits() || results != (lstm ? 5u : 4u)) return std::nullopt;
  return layer.run();
}

}  // namespace smelt::tensorflow
