#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "smelt/ir/buffer.h"
#include "smelt/ir/data_type.h"
#include "smelt/ir/ids.h"
#include "smelt/ir/shape.h"

namespace smelt {

/// Scales of blocks of `block_size` elements along an axis, held by other tensors of the graph.
struct BlockwiseScales {
  TensorId scales;
  TensorId zero_points;  ///< none where all are 0
  int32_t block_size = 0;
  std::vector<int32_t> axes;  ///< empty: the schema's BlockwiseQuantization; else MultiAxis

  bool operator==(const BlockwiseScales&) const = default;
};

/// A quantization that only the program that wrote the file understands; kept as it is.
struct CustomQuantization {
  std::vector<uint8_t> bytes;
  bool operator==(const CustomQuantization&) const = default;
};

/// real = scale * (stored - zero_point), per tensor (one scale) or per slice of `axis`.
struct Quantization {
  std::vector<float> scale;         ///< empty: not quantized
  std::vector<int64_t> zero_point;  ///< as many as scales
  int32_t axis = 0;                 ///< meaningful with more than one scale
  std::vector<float> min, max;      ///< observed range, as files of calibrated models carry it
  std::variant<std::monostate, CustomQuantization, BlockwiseScales> details;

  static Quantization per_tensor(float scale, int64_t zero_point) {
    return {.scale = {scale}, .zero_point = {zero_point}};
  }

  bool quantized() const { return !scale.empty(); }
  bool per_tensor() const { return scale.size() == 1; }
  bool per_axis() const { return scale.size() > 1; }

  bool operator==(const Quantization&) const = default;
};

/// How a constant is stored sparsely; see SparsityParameters in the TFLite schema.
struct Sparsity {
  /// Index vectors keep the integer width that the file chose.
  using Indices = std::variant<std::monostate, std::vector<int32_t>, std::vector<uint16_t>,
                               std::vector<uint8_t>>;
  struct Dimension {
    bool compressed = false;  ///< sparse CSR; dense otherwise
    int32_t dense_size = 0;
    Indices segments, indices;
    bool operator==(const Dimension&) const = default;
  };
  std::vector<int32_t> traversal_order;
  std::vector<int32_t> block_map;
  std::vector<Dimension> dimensions;
  bool operator==(const Sparsity&) const = default;
};

/// Element type and shape of what a `variant` tensor holds.
struct VariantElement {
  Shape shape;
  DataType type = DataType::float32;
  bool has_rank = false;
  bool operator==(const VariantElement&) const = default;
};

/// A value of the graph: an input, what an op computes, a variable, or a constant.
struct Tensor {
  std::string name;  ///< as the file spells it; written to .tflite
  DataType type = DataType::float32;
  Shape shape;
  std::optional<Shape> shape_signature;  ///< as stored; unknown axes are -1 there, 1 in `shape`
  bool has_rank = false;                 ///< the schema's flag: true only where a file says so
  Quantization quantization;
  Buffer data;               ///< content of a constant; sparse constants hold the stored values
  bool is_constant = false;  ///< `data` is the value (it may have no bytes: an empty tensor)
  bool is_variable = false;  ///< keeps its value between invocations until reset
  std::shared_ptr<const Sparsity> sparsity;
  std::vector<VariantElement> variant_elements;
  uint32_t external_buffer = 0;  ///< the schema's index into Model.external_buffers, 0 for none
  std::string origin;            ///< layer or node of the source model that it comes from

  /// A constant made from values; checks that they fill the shape.
  template <class T>
  static Tensor constant(std::string name, Shape shape, const std::vector<T>& values) {
    SMELT_CHECK(shape.elements() == static_cast<int64_t>(values.size()));
    Tensor tensor{.name = std::move(name), .type = data_type_of<T>, .shape = std::move(shape)};
    tensor.data = Buffer::of(values);
    tensor.is_constant = true;
    return tensor;
  }
};

}  // namespace smelt
