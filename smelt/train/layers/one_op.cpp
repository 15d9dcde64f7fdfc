#include "smelt/train/layers/one_op.h"

#include <algorithm>
#include <numeric>

#include "smelt/ops/infer.h"
#include "smelt/run/interpreter.h"
#include "smelt/run/real_values.h"

namespace smelt::train {
namespace {

constexpr int64_t kSamples = 5;
constexpr int64_t kMaxSamples = 6;
constexpr float kUntouched = 1e30f;  ///< in memory that nobody may write
constexpr float kStep = 1.0f / 256;  ///< of central differences
constexpr float kSpacing = 1.0f / 64;

std::vector<float> filled(int64_t count, float value) {
  return std::vector<float>(static_cast<size_t>(count), value);
}

}  // namespace

/// The layer with memory of its own for all values.
class OneOpRun {
 public:
  OneOpRun(OneOp& op, uint64_t seed) : op_(op), random_(seed) {
    for (const OneOp::Slot& slot : op.slots_) {
      make_operand(slot);
      statistics_.push_back(slot.is_statistic ? make_statistic(slot) : nullptr);
    }
    for (const TensorId id : op.op_.outputs) make_result(id);
  }

  void make_layer() {
    LayerArguments args{.graph = op_.graph_,
                        .op = op_.op_,
                        .name = "the op",
                        .inputs = {},
                        .statistics = statistics_,
                        .outputs = {},
                        .max_samples = kMaxSamples,
                        .threads = 3};
    args.inputs = operands;
    for (Value* y : results) args.outputs.push_back(y);
    const LayerFactory factory = layer_factory(op_.op_.type);
    ASSERT_NE(factory, nullptr);
    layer = factory(std::move(args));
  }

  void forward(int threads = 1, bool training = true) {
    Workers workers(threads);
    layer->forward({.samples = kSamples, .training = training, .seed = 7, .workers = &workers});
  }
  void backward(int threads = 1) {
    Workers workers(threads);
    layer->backward({.samples = kSamples, .seed = 7, .workers = &workers});
  }

  /// sum of result * its gradient, in double.
  double loss() const {
    double sum = 0;
    for (const Value* y : results) {
      if (y->grad == nullptr) continue;
      for (int64_t i = 0; i < kSamples * y->size; ++i) {
        sum += static_cast<double>(y->data[i]) * static_cast<double>(y->grad[i]);
      }
    }
    return sum;
  }

  std::vector<float> gradient(size_t i) const {
    const Operand& x = operands[i];
    return {x.grad(), x.grad() + count(i)};
  }
  /// Values of an operand in the step.
  int64_t count(size_t i) const {
    const Operand& x = operands[i];
    return x.shared() ? x.size() : kSamples * x.size();
  }
  float* values(size_t i) {
    return operands[i].shared() ? operands[i].parameter->data.data() : operands[i].value->data;
  }

  std::vector<Operand> operands;
  std::vector<Value*> results;
  std::unique_ptr<Layer> layer;

 private:
  float* memory(std::vector<float> values) {
    return memory_.emplace_back(std::move(values)).data();
  }

  void make_operand(const OneOp::Slot& slot) {
    if (!slot.tensor) {
      operands.emplace_back();
      return;
    }
    for (size_t i = 0; i < operands.size(); ++i) {  // again
      if (op_.slots_[i].tensor == slot.tensor) return operands.push_back(operands[i]);
    }
    const Tensor& tensor = op_.graph_.tensor(slot.tensor);
    // As the module does it: what layers read from the graph themselves is left out.
    if (!slot.is_value &&
        (slot.is_statistic || !tensor.is_constant || tensor.type != DataType::float32)) {
      operands.emplace_back();
      return;
    }
    const int64_t size = tensor.shape.elements();
    if (!slot.is_value) {
      Parameter& parameter = parameters_.emplace_back();
      parameter.shape = tensor.shape;
      parameter.data = filled(size, 0);
      load_real(tensor, tensor.data.bytes(), parameter.data);
      if (slot.wants_grad) parameter.grad = filled(size, NAN);
      operands.push_back({.value = nullptr, .parameter = &parameter});
      return;
    }
    Value& value = values_.emplace_back();
    value.shape = tensor.shape;
    value.size = size;
    value.needs_grad = slot.wants_grad;
    std::vector<float> all = filled(kMaxSamples * size, 0);
    for (int64_t n = 0; n < kMaxSamples; ++n) {
      std::ranges::copy(op_.draw(slot, size), all.begin() + n * size);
    }
    value.data = memory(std::move(all));
    if (slot.wants_grad) {
      std::vector<float> grad = filled(kMaxSamples * size, kUntouched);
      std::fill_n(grad.begin(), kSamples * size, NAN);
      value.grad = memory(std::move(grad));
    }
    operands.push_back({.value = &value, .parameter = nullptr});
  }

  Statistic* make_statistic(const OneOp::Slot& slot) {
    const auto values = op_.graph_.tensor(slot.tensor).data.as<float>();
    return &running_.emplace_back(
        Statistic{.name = "s", .tensor = slot.tensor, .data = {values.begin(), values.end()}});
  }

  void make_result(TensorId id) {
    const Tensor& tensor = op_.graph_.tensor(id);
    Value& value = values_.emplace_back();
    value.shape = tensor.shape;
    value.size = tensor.shape.elements();
    value.needs_grad = tensor.type == DataType::float32;
    std::vector<float> data = filled(kMaxSamples * value.size, kUntouched);
    std::fill_n(data.begin(), kSamples * value.size, NAN);
    value.data = memory(std::move(data));
    if (value.needs_grad) {
      std::vector<float> grad = filled(kMaxSamples * value.size, kUntouched);
      for (int64_t i = 0; i < kSamples * value.size; ++i) {
        grad[static_cast<size_t>(i)] = random_.uniform(-1, 1);
      }
      value.grad = memory(std::move(grad));
    }
    results.push_back(&value);
  }

  OneOp& op_;
  Random random_;
  std::deque<std::vector<float>> memory_;
  std::deque<Value> values_;
  std::deque<Parameter> parameters_;
  std::deque<Statistic> running_;
  std::vector<Statistic*> statistics_;
};

namespace {

/// Each sample by Smelt's own kernel, at a batch of one.
void compare_with_interpreter(const Graph& graph, const std::vector<TensorId>& ids, OneOpRun& run) {
  Model model;
  model.graphs.push_back(graph);
  Interpreter interpreter(Program::prepare(model));
  for (int64_t n = 0; n < kSamples; ++n) {
    interpreter.reset();
    for (size_t i = 0; i < graph.inputs().size(); ++i) {
      const auto at = static_cast<size_t>(std::ranges::find(ids, graph.inputs()[i]) - ids.begin());
      const Operand& x = run.operands[at];
      store_real(graph.tensor(graph.inputs()[i]), {x.sample(n), static_cast<size_t>(x.size())},
                 interpreter.input_bytes(i));
    }
    interpreter.invoke();
    for (size_t i = 0; i < run.results.size(); ++i) {
      Value& y = *run.results[i];
      std::vector<float> expected(static_cast<size_t>(y.size));
      load_real(graph.tensor(graph.outputs()[i]), interpreter.output_bytes(i), expected);
      for (int64_t j = 0; j < y.size; ++j) {
        const float wanted = expected[static_cast<size_t>(j)];
        ASSERT_NEAR(y.sample(n)[j], wanted, 1e-5f * (1 + std::abs(wanted)))
            << "result " << i << ", sample " << n << ", value " << j;
      }
    }
  }
}

/// (loss(x + step) - loss(x - step)) / (2 step) for one value.
double difference(OneOpRun& run, float& x, float step) {
  const float value = x;
  x = value + step;
  const double above = static_cast<double>(x);
  run.forward();
  const double high = run.loss();
  x = value - step;
  const double below = static_cast<double>(x);
  run.forward();
  x = value;
  return (high - run.loss()) / (above - below);
}

void compare_with_differences(OneOpRun& run, size_t operand) {
  const std::vector<float> gradient = run.gradient(operand);
  for (size_t i = 0; i < gradient.size(); ++i) {
    float& x = run.values(operand)[i];
    const auto wanted = static_cast<double>(gradient[i]);
    const auto fits = [&](double slope) {
      return std::abs(wanted - slope) <= 2e-3 * (1 + std::abs(slope));
    };
    // Where a kink lies inside of the step, a shorter one may miss it.
    double slope = difference(run, x, kStep);
    if (!fits(slope)) slope = difference(run, x, kStep / 8);
    ASSERT_TRUE(fits(slope)) << "operand " << operand << " at " << i << ": gradient " << wanted
                             << ", differences " << slope;
  }
  run.forward();
}

using Gradients = std::vector<std::vector<float>>;

/// Of every operand; empty where it needs none.
Gradients gradients(const OneOpRun& run) {
  Gradients all(run.operands.size());
  for (size_t i = 0; i < all.size(); ++i) {
    if (run.operands[i] && run.operands[i].needs_grad()) all[i] = run.gradient(i);
  }
  return all;
}

/// The same operands again, with gradients to add to or not, on any number of threads.
void compare_with_repetition(OneOpRun& run, const Gradients& expected, bool accumulate,
                             int threads) {
  const float before = accumulate ? 0.5f : 0.0f;
  for (size_t i = 0; i < expected.size(); ++i) {
    run.operands[i].accumulate = accumulate;
    if (!expected[i].empty()) std::fill_n(run.operands[i].grad(), expected[i].size(), before);
  }
  run.make_layer();
  run.forward(threads);
  run.backward(threads);
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t j = 0; j < expected[i].size(); ++j) {
      // Only where nothing is added is every bit the same.
      const float error = accumulate ? 1e-5f * (1 + std::abs(expected[i][j])) : 0.0f;
      ASSERT_NEAR(run.operands[i].grad()[j] - before, expected[i][j], error)
          << (accumulate ? "accumulated" : "") << " gradient of operand " << i << " at " << j
          << " on " << threads << " threads";
    }
  }
}

void expect_untouched(const OneOpRun& run) {
  for (const Value* y : run.results) {
    for (int64_t i = kSamples * y->size; i < kMaxSamples * y->size; ++i) {
      ASSERT_EQ(y->data[i], kUntouched) << "a result behind the last sample";
    }
  }
  for (const Operand& x : run.operands) {
    if (!x || x.shared() || !x.needs_grad()) continue;
    for (int64_t i = kSamples * x.size(); i < kMaxSamples * x.size(); ++i) {
      ASSERT_EQ(x.grad()[i], kUntouched) << "a gradient behind the last sample";
    }
  }
}

/// One operand wants no gradient: the others get theirs all the same.
void compare_without(OneOpRun& run, Gradients expected, size_t without) {
  const Operand& operand = run.operands[without];
  std::vector<float> kept;
  if (operand.shared()) {
    kept.swap(operand.parameter->grad);
  } else {
    operand.value->needs_grad = false;
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (run.operands[i] && !run.operands[i].needs_grad()) expected[i].clear();
  }
  run.make_layer();
  run.forward();
  run.backward();
  EXPECT_EQ(gradients(run), expected) << "without that of operand " << without;
  if (operand.shared()) {
    kept.swap(operand.parameter->grad);
  } else {
    operand.value->needs_grad = true;
  }
}

}  // namespace

OneOp::OneOp(OpType type, Attributes attributes, uint64_t seed)
    : random_(seed), seed_(std::string(name(type)) + ", seed " + std::to_string(seed)) {
  op_.type = type;
  op_.attributes = std::move(attributes);
}

OneOp& OneOp::add(Slot slot) {
  op_.inputs.push_back(slot.tensor);
  slots_.push_back(slot);
  return *this;
}

OneOp& OneOp::value(Shape shape, float low, float high) {
  const TensorId id =
      graph_.add_tensor({.name = "x" + std::to_string(slots_.size()), .shape = std::move(shape)});
  return add({.tensor = id, .is_value = true, .wants_grad = true, .low = low, .high = high});
}

OneOp& OneOp::integers(Shape shape, int low, int high, DataType type) {
  const TensorId id = graph_.add_tensor(
      {.name = "i" + std::to_string(slots_.size()), .type = type, .shape = std::move(shape)});
  return add({.tensor = id,
              .is_value = true,
              .low = static_cast<float>(low),
              .high = static_cast<float>(high),
              .integers = true});
}

OneOp& OneOp::constant(Shape shape, float low, float high) {
  Slot slot{.tensor = {}, .low = low, .high = high};
  const std::vector<float> values = draw(slot, shape.elements());
  slot.tensor = graph_.add_tensor(
      Tensor::constant("c" + std::to_string(slots_.size()), std::move(shape), values));
  return add(slot);
}

OneOp& OneOp::parameter(Shape shape, float low, float high) {
  constant(std::move(shape), low, high);
  slots_.back().wants_grad = true;
  return *this;
}

OneOp& OneOp::statistic(Shape shape, float low, float high) {
  constant(std::move(shape), low, high);
  slots_.back().is_statistic = true;
  return *this;
}

OneOp& OneOp::indices(std::vector<int32_t> values) {
  const auto count = static_cast<int32_t>(values.size());
  return indices({count}, std::move(values));
}

OneOp& OneOp::indices(Shape shape, std::vector<int32_t> values) {
  const TensorId id = graph_.add_tensor(
      Tensor::constant("k" + std::to_string(slots_.size()), std::move(shape), values));
  return add({.tensor = id});
}

OneOp& OneOp::truths(Shape shape, std::vector<uint8_t> values) {
  Tensor tensor = Tensor::constant("k" + std::to_string(slots_.size()), std::move(shape), values);
  tensor.type = DataType::boolean;
  return add({.tensor = graph_.add_tensor(std::move(tensor))});
}

OneOp& OneOp::absent() { return add({}); }

OneOp& OneOp::variable(Shape shape) {
  const TensorId id = graph_.add_tensor({.name = "v" + std::to_string(slots_.size()),
                                         .shape = std::move(shape),
                                         .is_variable = true});
  return add({.tensor = id});
}

OneOp& OneOp::again(size_t operand) { return add(slots_.at(operand)); }

OneOp& OneOp::results(size_t count, DataType type) {
  results_ = count;
  result_type_ = type;
  return *this;
}

OneOp& OneOp::only_forward() {
  forward_only_ = true;
  return *this;
}

std::vector<float> OneOp::draw(const Slot& slot, int64_t count) {
  std::vector<float> values;
  if (slot.integers) {
    const auto choices = static_cast<uint64_t>(slot.high - slot.low) + 1;
    for (int64_t i = 0; i < count; ++i) {
      values.push_back(slot.low + static_cast<float>(random_.below(choices)));
    }
    return values;
  }
  // Points of a grid that keeps half its spacing from all integers.
  const auto points = static_cast<int64_t>((slot.high - slot.low) / kSpacing);
  std::vector<int64_t> order(static_cast<size_t>(points));
  std::iota(order.begin(), order.end(), 0);
  random_.shuffle(order);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t point = order[static_cast<size_t>(i % points)];
    values.push_back(slot.low + (static_cast<float>(point) + 0.5f) * kSpacing);
  }
  return values;
}

void OneOp::build() {
  if (built_) return;
  built_ = true;
  // Importers give all eight, and the kernel counts on it.
  while (op_.type == OpType::recurrent && slots_.size() < 8) absent();
  for (size_t i = 0; i < results_; ++i) {
    op_.outputs.push_back(
        graph_.add_tensor({.name = "y" + std::to_string(i), .type = result_type_}));
  }
  std::vector<TensorId> inputs;
  for (const Slot& slot : slots_) {
    if (slot.is_value && !std::ranges::count(inputs, slot.tensor)) inputs.push_back(slot.tensor);
  }
  graph_.set_inputs(inputs);
  graph_.set_outputs(op_.outputs);
  const OpId id = graph_.add_op(op_);
  infer_shapes(graph_, id);
}

void OneOp::check() {
  SCOPED_TRACE(seed_);
  build();
  OneOpRun run(*this, 1 + random_.below(1 << 20));
  run.make_layer();
  ASSERT_NE(run.layer, nullptr);
  run.forward(1, false);
  std::vector<TensorId> ids;
  for (const Slot& slot : slots_) ids.push_back(slot.tensor);
  compare_with_interpreter(graph_, ids, run);
  if (forward_only_ || ::testing::Test::HasFatalFailure()) return;
  run.forward();
  run.backward();
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (run.operands[i] && run.operands[i].needs_grad()) compare_with_differences(run, i);
    if (::testing::Test::HasFatalFailure()) return;
  }
  run.backward();
  const Gradients expected = gradients(run);
  compare_with_repetition(run, expected, true, 2);
  compare_with_repetition(run, expected, false, 3);
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!expected[i].empty()) compare_without(run, expected, i);
  }
  expect_untouched(run);
}

std::string OneOp::error() {
  build();
  OneOpRun run(*this, 1);
  try {
    run.make_layer();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace smelt::train
