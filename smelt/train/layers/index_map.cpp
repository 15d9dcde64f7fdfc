#include <algorithm>
#include <deque>
#include <numeric>

#include "smelt/run/real_values.h"
#include "smelt/run/run_op.h"
#include "smelt/train/layers/families.h"
#include "smelt/train/layers/parts.h"

namespace smelt::train {
namespace {

// Ops that move values about: every value of a result is one of an operand, or 0. Where each comes
// from is found by running the op's own kernel once, on operands that hold the numbers of their
// values instead of them; so forward and backward follow the kernel in every attribute.

constexpr int32_t kZero = -1;

/// `count` values of a result that follow each other in an operand too.
struct Run {
  int32_t operand = kZero;
  int64_t from = 0;
  int64_t to = 0;
  int64_t count = 0;
};

/// Floats count exactly up to here.
constexpr int64_t kMostValues = (int64_t{1} << 24) - 1;

/// Which operands hold the values that are moved; the others are constants that say where to.
std::vector<size_t> moved_operands(const Op& op) {
  switch (op.type) {
    case OpType::concatenation:
    case OpType::pack: {
      std::vector<size_t> all(op.inputs.size());
      std::iota(all.begin(), all.end(), size_t{0});
      return all;
    }
    case OpType::padv2:
    case OpType::dilate:
      return {0, 2};
    case OpType::dynamic_update_slice:
    case OpType::matrix_set_diag:
      return {0, 1};
    case OpType::split:
      return {1};
    default:
      return {0};
  }
}

/// Operand tensors for the kernel: those that are moved hold numbers from `first` on.
std::vector<Tensor> numbered_operands(const LayerArguments& args, const std::vector<size_t>& moved,
                                      std::vector<int64_t>& first) {
  std::vector<Tensor> operands;
  int64_t next = 1;  // 0 is what padding leaves
  for (size_t i = 0; i < args.op.inputs.size(); ++i) {
    const TensorId id = args.op.inputs[i];
    if (!id) {
      operands.emplace_back();
      continue;
    }
    const Tensor& tensor = args.graph.tensor(id);
    if (!std::ranges::count(moved, i)) {
      if (!tensor.is_constant) refuse(args, "operand " + tensor.name + " is not constant");
      operands.push_back(tensor);
      continue;
    }
    const int64_t size = tensor.shape.elements();
    if (size > kMostValues - next) refuse(args, "its operands have more than 2^24 values");
    std::vector<float> numbers(static_cast<size_t>(size));
    std::iota(numbers.begin(), numbers.end(), static_cast<float>(next));
    operands.push_back(Tensor::constant(tensor.name, tensor.shape, numbers));
    first[i] = next;
    next += size;
  }
  return operands;
}

/// Constants of integers, which the module has no operand for, become operands here.
std::deque<Parameter> integer_constants(LayerArguments& args, const std::vector<size_t>& moved) {
  std::deque<Parameter> constants;
  for (const size_t i : moved) {
    const Tensor* tensor = args.graph.constant_input(args.op, i);
    if (args.input(i) || tensor == nullptr) continue;
    Parameter& constant = constants.emplace_back();
    constant.shape = tensor->shape;
    constant.data.resize(static_cast<size_t>(tensor->shape.elements()));
    load_real(*tensor, tensor->data.bytes(), constant.data);
    args.inputs[i].parameter = &constant;
  }
  return constants;
}

/// Appends value `number` of a result, which stands at `to`.
void append(std::vector<Run>& runs, const std::vector<size_t>& moved,
            const std::vector<int64_t>& first, int64_t number, int64_t to) {
  Run next{.operand = kZero, .from = 0, .to = to, .count = 1};
  if (number != 0) {
    for (const size_t i : moved) {
      if (first[i] == 0 || number < first[i]) continue;
      next.operand = static_cast<int32_t>(i);
      next.from = number - first[i];
    }
  }
  if (!runs.empty()) {
    Run& last = runs.back();
    const bool follows = next.operand == kZero || last.from + last.count == next.from;
    if (last.operand == next.operand && follows) {
      ++last.count;
      return;
    }
  }
  runs.push_back(next);
}

class IndexMapLayer final : public Layer {
 public:
  /// `maps`: for each result, its runs in order.
  IndexMapLayer(LayerArguments args, std::vector<std::vector<Run>> maps)
      : Layer(std::move(args.name)),
        constants_(integer_constants(args, moved_operands(args.op))),
        outputs_(std::move(args.outputs)),
        maps_(std::move(maps)) {
    for (const Operand& operand : args.inputs) gradients_.emplace_back(operand);
  }

  void forward(const Step& step) override {
    for_parts(step, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t n = first; n < last; ++n) {
        for (size_t i = 0; i < outputs_.size(); ++i) {
          if (outputs_[i] != nullptr) move(n, maps_[i], outputs_[i]->sample(n));
        }
      }
    });
  }

  void backward(const Step& step) override {
    for_parts(step, [&](int64_t part, int64_t first, int64_t last) {
      for (GradientSum& gradient : gradients_) gradient.begin(part, first, last);
      for (int64_t n = first; n < last; ++n) {
        for (size_t i = 0; i < outputs_.size(); ++i) {
          if (outputs_[i] == nullptr || outputs_[i]->grad == nullptr) continue;
          move_back(part, n, maps_[i], outputs_[i]->sample_grad(n));
        }
      }
    });
    for (GradientSum& gradient : gradients_) gradient.finish(step);
  }

 private:
  void move(int64_t n, const std::vector<Run>& runs, float* y) const {
    for (const Run& run : runs) {
      if (run.operand == kZero) {
        std::fill_n(y + run.to, run.count, 0.0f);
      } else {
        const Operand& x = gradients_[static_cast<size_t>(run.operand)].operand();
        std::copy_n(x.sample(n) + run.from, run.count, y + run.to);
      }
    }
  }

  void move_back(int64_t part, int64_t n, const std::vector<Run>& runs, const float* dy) {
    for (const Run& run : runs) {
      if (run.operand == kZero) continue;
      float* dx = gradients_[static_cast<size_t>(run.operand)].at(part, n);
      if (dx == nullptr) continue;
      for (int64_t i = 0; i < run.count; ++i) dx[run.from + i] += dy[run.to + i];
    }
  }

  std::deque<Parameter> constants_;
  std::vector<Value*> outputs_;
  std::vector<std::vector<Run>> maps_;
  std::vector<GradientSum> gradients_;  ///< of all operands
};

/// The values of a batch as they are.
class IdentityLayer final : public Layer {
 public:
  explicit IdentityLayer(LayerArguments args)
      : Layer(std::move(args.name)), x_(args.input(0)), y_(args.outputs.at(0)) {}

  void forward(const Step& step) override {
    for_elements(step, step.samples * y_->size, [&](int64_t first, int64_t last) {
      std::copy(x_.data() + first, x_.data() + last, y_->data + first);
    });
  }

  void backward(const Step& step) override {
    if (y_->grad == nullptr || !x_.needs_grad()) return;
    const float* dy = y_->grad;
    for_elements(step, step.samples * y_->size, [&](int64_t first, int64_t last) {
      write_gradient(x_, first, last, [=](int64_t i) { return dy[i]; });
    });
  }

 private:
  Operand x_;
  Value* y_;
};

}  // namespace

std::unique_ptr<Layer> make_index_map(LayerArguments args) {
  const std::vector<size_t> moved = moved_operands(args.op);
  std::vector<int64_t> first(args.op.inputs.size(), 0);
  const std::vector<Tensor> operands = numbered_operands(args, moved, first);
  std::vector<Tensor> results;
  for (const TensorId id : args.op.outputs) {
    const Tensor& tensor = args.graph.tensor(id);
    results.push_back({.name = tensor.name, .shape = tensor.shape});
  }
  const auto numbered = run_op(args.op, operands, results);
  if (!numbered) refuse(args, "it has no float kernel in this form");
  std::vector<std::vector<Run>> maps;
  for (const Tensor& result : *numbered) {
    std::vector<Run> runs;
    int64_t to = 0;
    for (const float number : result.data.as<float>()) {
      append(runs, moved, first, static_cast<int64_t>(number), to++);
    }
    maps.push_back(std::move(runs));
  }
  return std::make_unique<IndexMapLayer>(std::move(args), std::move(maps));
}

std::unique_ptr<Layer> make_identity(LayerArguments args) {
  if (args.input(0).value != nullptr) return std::make_unique<IdentityLayer>(std::move(args));
  const int64_t count = args.graph.tensor(args.op.output()).shape.elements();
  std::vector<std::vector<Run>> maps{{{.operand = 0, .from = 0, .to = 0, .count = count}}};
  return std::make_unique<IndexMapLayer>(std::move(args), std::move(maps));
}

std::unique_ptr<Layer> make_cast(LayerArguments args) {
  const bool to_float = args.graph.tensor(args.op.output()).type == DataType::float32;
  return to_float ? make_identity(std::move(args)) : make_forward_only(std::move(args));
}

}  // namespace smelt::train
