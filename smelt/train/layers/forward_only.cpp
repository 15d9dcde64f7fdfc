#include <algorithm>
#include <deque>
#include <span>

#include "smelt/run/interpreter.h"
#include "smelt/run/real_values.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

/// The op alone, at a batch of one; operands that are no values of the batch become constants.
Model model_of(const LayerArguments& args) {
  Graph alone;
  Op op = args.op;
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    if (!op.inputs[i]) continue;
    Tensor tensor = args.graph.tensor(op.inputs[i]);
    op.inputs[i] = alone.add_tensor(std::move(tensor));
    if (args.input(i).value != nullptr) inputs.push_back(op.inputs[i]);
  }
  for (TensorId& id : op.outputs) id = alone.add_tensor(args.graph.tensor(id));
  op.intermediates.clear();
  alone.set_inputs(inputs);
  alone.set_outputs(op.outputs);
  alone.add_op(std::move(op));
  Model model;
  model.graphs.push_back(std::move(alone));
  return model;
}

/// Runs the op's own kernel, sample by sample. Its operands get no gradient: it has none (indices
/// and truth values), or nobody needs it.
class ForwardOnlyLayer final : public Layer {
 public:
  ForwardOnlyLayer(LayerArguments args, std::shared_ptr<const Program> program)
      : Layer(std::move(args.name)), outputs_(std::move(args.outputs)) {
    for (const Operand& operand : args.inputs) {
      gradients_.emplace_back(operand);
      if (operand.value != nullptr) values_.push_back(operand.value);
    }
    for (int64_t part = 0; part < kPartials; ++part) interpreters_.emplace_back(program);
  }

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      Interpreter& interpreter = interpreters_[static_cast<size_t>(part)];
      const Graph& graph = interpreter.program().graph();
      for (int64_t n = first; n < last; ++n) {
        interpreter.reset();
        for (size_t i = 0; i < values_.size(); ++i) {
          store_real(graph.tensor(graph.inputs()[i]), of_sample(*values_[i], n),
                     interpreter.input_bytes(i));
        }
        interpreter.invoke();
        for (size_t i = 0; i < outputs_.size(); ++i) {
          if (outputs_[i] == nullptr) continue;
          load_real(graph.tensor(graph.outputs()[i]), interpreter.output_bytes(i),
                    of_sample(*outputs_[i], n));
        }
      }
    });
  }

  void backward(const Step& step) override {
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      for (GradientSum& gradient : gradients_) gradient.begin(part, first, last);
    });
    for (GradientSum& gradient : gradients_) gradient.finish(step);
  }

 private:
  static std::span<float> of_sample(Value& value, int64_t n) {
    return {value.sample(n), static_cast<size_t>(value.size)};
  }

  std::vector<Value*> values_;  ///< operands, in order
  std::vector<Value*> outputs_;
  std::vector<GradientSum> gradients_;  ///< of all operands: zeros
  std::deque<Interpreter> interpreters_;
};

/// Results that stay the same when operands change a little.
bool is_flat(const LayerArguments& args) {
  if (args.op.type == OpType::zeros_like) return true;
  return std::ranges::none_of(
      args.op.outputs, [&](TensorId id) { return is_floating_point(args.graph.tensor(id).type); });
}

}  // namespace

std::unique_ptr<Layer> make_forward_only(LayerArguments args) {
  const bool learns = std::ranges::any_of(
      args.inputs, [](const Operand& operand) { return operand && operand.needs_grad(); });
  if (learns && !is_flat(args)) refuse(args, "training cannot differentiate it");
  std::shared_ptr<const Program> program = Program::prepare(model_of(args));
  if (program->dynamic()) refuse(args, "the size of its result depends on values");
  return std::make_unique<ForwardOnlyLayer>(std::move(args), std::move(program));
}

}  // namespace smelt::train
