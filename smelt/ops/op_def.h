#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/ir/graph.h"

namespace smelt {

/// Integer operands of up to this many elements are handed to shape inference as values.
inline constexpr int64_t kMaxIndexValues = 4096;

/// Thrown where a result's shape, or a kernel, follows from values that are not known before the op
/// is about to run. Who cannot wait for that sees an op that is unsupported.
class DependsOnData : public Error {
 public:
  explicit DependsOnData(std::string message) : Error(ErrorKind::unsupported, std::move(message)) {}
};

/// What shape inference sees of an op: shapes and types of its operands, and the values of those
/// that are known: constants before anything runs, all of them when the op is about to run.
class ShapeContext {
 public:
  struct Input {
    bool present = false;
    DataType type = DataType::float32;
    Shape shape;
    std::optional<std::vector<int64_t>> values = {};  ///< of small int32/int64 operands, if known
    std::optional<ByteView> data = {};                ///< content as stored, where known
  };

  ShapeContext(const Op& of, std::vector<Input> inputs, std::vector<Shape> recorded)
      : op(of), inputs_(std::move(inputs)), outputs_(std::move(recorded)) {}

  const Op& op;

  size_t input_count() const { return inputs_.size(); }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i].present; }
  /// The operand; bad_file where it is absent.
  const Input& input(size_t i) const;
  const Shape& shape(size_t i) const { return input(i).shape; }
  /// Values of an integer operand; DependsOnData where they are not known, unsupported where they
  /// are but the operand is no small vector of int32 or int64.
  const std::vector<int64_t>& values(size_t i) const;
  /// Content of any operand, aligned for its type; DependsOnData where it is not known.
  ByteView data(size_t i) const;

  size_t output_count() const { return outputs_.size(); }
  /// Starts as the shape recorded in the file.
  const Shape& output(size_t i) const { return outputs_[i]; }
  void set_output(size_t i, Shape shape) { outputs_.at(i) = std::move(shape); }

 private:
  std::vector<Input> inputs_;
  std::vector<Shape> outputs_;
};

/// How the result of an op gets its scale in an integer model.
enum class OutputScale {
  calibrated,     ///< from the observed range
  same_as_input,  ///< all float operands and results share one scale (pools, reshapes, concat)
  fixed,          ///< set by the kernel's specification (softmax, logistic, tanh)
};

/// What the 8-bit specification says of an op (TFLite quantization spec; converter's op traits).
struct QuantizationRule {
  bool supported = false;   ///< an integer kernel exists in TFLite Micro and here
  std::string_view reason;  ///< why not
  OutputScale output = OutputScale::calibrated;
  float fixed_scale = 0;  ///< int8 results of fixed range
  int32_t fixed_zero = 0;
  int weight = -1;       ///< operand that holds constant weights, symmetric int8
  int weight_axis = -1;  ///< axis of its output channels; -1: one scale only
  int bias = -1;         ///< operand stored as int32 with scale input * weight
};

/// What an op is, apart from computing it.
struct OpDef {
  int min_inputs = 0;
  int max_inputs = 0;  ///< -1: any number
  int min_outputs = 1;
  int max_outputs = 1;  ///< -1: any number
  /// Sets every output's shape from the operands. Null: the shapes recorded in the file hold.
  void (*infer_shapes)(ShapeContext&) = nullptr;
  QuantizationRule quantization;
};

/// The definition of the op; ops that nobody described have no inference and no integer form.
const OpDef& op_def(OpType type);

/// Number of operands and results against the definition; bad_file otherwise.
void check_arity(const Op& op);

// --- window arithmetic shared by convolutions and pools (TFLite's ComputeOutSize, ComputePadding)

/// Positions that a window of `filter` cells takes on an axis of `size`; bad_file where none fits.
int32_t window_output_size(Padding padding, int32_t size, int32_t filter, int32_t stride,
                           int32_t dilation);
/// Cells of padding in front of the axis.
int32_t window_padding(int32_t size, int32_t filter, int32_t stride, int32_t dilation,
                       int32_t output_size);

}  // namespace smelt
