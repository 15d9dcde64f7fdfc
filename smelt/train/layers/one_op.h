#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "smelt/base/random.h"
#include "smelt/ir/builder.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// A layer of one op, for tests: operands filled at random from a printed seed, and everything that
/// a layer promises checked.
///   OneOp op(OpType::add, ArithmeticAttributes{}, seed);
///   op.value({1, 3, 4}).parameter({4});
///   op.check();
class OneOp {
 public:
  OneOp(OpType type, Attributes attributes, uint64_t seed);

  /// A float operand that every sample has its own values of, in [low, high]. No two of the values
  /// of a sample lie close together, nor any close to an integer, where functions have kinks.
  OneOp& value(Shape shape, float low = -2, float high = 2);
  /// Integers in [low, high] (or booleans) instead; they get no gradient.
  OneOp& integers(Shape shape, int low, int high, DataType type = DataType::int32);
  /// A float constant that is trained.
  OneOp& parameter(Shape shape, float low = -2, float high = 2);
  /// A float constant that is not.
  OneOp& constant(Shape shape, float low = -2, float high = 2);
  /// A running statistic. What is compared with the interpreter is then inference.
  OneOp& statistic(Shape shape, float low, float high);
  /// Integers that say how the op works.
  OneOp& indices(std::vector<int32_t> values);
  OneOp& indices(Shape shape, std::vector<int32_t> values);
  OneOp& truths(Shape shape, std::vector<uint8_t> values);
  OneOp& absent();
  /// A state that starts with zeros.
  OneOp& variable(Shape shape);
  /// The operand that was given at a position before.
  OneOp& again(size_t operand);
  /// How many results the op has, and their type.
  OneOp& results(size_t count, DataType type = DataType::float32);
  /// Where a function jumps, its value is compared but not its gradient.
  OneOp& only_forward();

  /// Forward against the interpreter, gradients against central differences, and that neither
  /// depends on threads, on what other operands need, on what memory held before, or touches
  /// samples outside of the step.
  void check();
  /// The message of the error that making the layer ends in.
  std::string error();

  Graph& graph() { return graph_; }
  Op& op() { return op_; }

 private:
  friend class OneOpRun;
  struct Slot {
    TensorId tensor;
    bool is_value = false;
    bool wants_grad = false;
    float low = 0, high = 0;
    bool integers = false;
    bool is_statistic = false;
  };
  OneOp& add(Slot slot);
  std::vector<float> draw(const Slot& slot, int64_t count);
  void build();

  Graph graph_;
  Op op_;
  Random random_;
  std::string seed_;
  std::vector<Slot> slots_;
  size_t results_ = 1;
  DataType result_type_ = DataType::float32;
  bool forward_only_ = false;
  bool built_ = false;
};

}  // namespace smelt::train
