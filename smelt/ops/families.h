#pragma once

#include <array>

#include "smelt/ops/op_def.h"

// What the family files of this folder share; nobody else includes it.

namespace smelt {

class OpTable {
 public:
  OpDef& operator[](OpType type) { return rows_[static_cast<size_t>(type)]; }
  const OpDef& operator[](OpType type) const { return rows_[static_cast<size_t>(type)]; }

 private:
  std::array<OpDef, kOpTypeCount> rows_{};
};

// One per family file; each fills its rows.
void define_conv(OpTable& table);
void define_dense(OpTable& table);
void define_pool(OpTable& table);
void define_activation(OpTable& table);
void define_unary(OpTable& table);
void define_binary(OpTable& table);
void define_select(OpTable& table);
void define_reduce(OpTable& table);
void define_concat(OpTable& table);
void define_reshape(OpTable& table);
void define_layout(OpTable& table);
void define_pad(OpTable& table);
void define_slice(OpTable& table);
void define_gather(OpTable& table);
void define_resize(OpTable& table);
void define_data_dependent(OpTable& table);
void define_custom(OpTable& table);
void define_fill(OpTable& table);
void define_recurrent(OpTable& table);
void define_control(OpTable& table);
void define_training(OpTable& table);

// --- rows

/// inputs in [low, high] (-1: any number), one result.
OpDef row(int low, int high, void (*infer_shapes)(ShapeContext&), QuantizationRule rule);

QuantizationRule calibrated();
QuantizationRule same_scale();
QuantizationRule fixed_scale(float scale, int32_t zero_point);
/// Results are not numbers with a scale (comparisons, indices); operands may be quantized freely.
QuantizationRule no_scale();
/// Stays float; the reason completes "it stays float because ...".
QuantizationRule float_only(std::string_view reason);

inline constexpr std::string_view kNoKernel = "TFLite Micro has no int8 kernel for it";
inline constexpr std::string_view kNoLiteRtKernel = "LiteRT has no int8 kernel for it";
inline constexpr std::string_view kNotNumbers = "its values are not real numbers with a scale";
inline constexpr std::string_view kStateful = "its state needs scales of its own";

// --- shapes

/// A shape from computed sizes; bad_file where one is negative or leaves int32.
Shape checked_shape(const std::vector<int64_t>& dims);
/// bad_file unless operand i has this rank.
void need_rank(const ShapeContext& context, size_t i, int rank);
/// A single value of operand i (rank 0, or one element).
int64_t scalar_value(const ShapeContext& context, size_t i);
/// True where the shape in the file can stand in for a result that depends on data.
bool recorded_holds(const ShapeContext& context, size_t output, int64_t elements);

/// The result has the shape of operand 0.
void infer_same(ShapeContext& context);

}  // namespace smelt
