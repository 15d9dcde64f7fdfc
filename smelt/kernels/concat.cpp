#include "smelt/kernels/concat.h"

#include <cmath>

#include "smelt/kernels/fixed_point.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

/// Joins or splits: `outer` times one chunk of each part, chunk k `bytes[k]` long.
struct Chunks {
  int64_t outer = 0;
  std::vector<int64_t> bytes;
};

void check_parts(const std::vector<Operand>& parts, const Operand& whole, int axis) {
  int64_t total = 0;
  for (const Operand& part : parts) {
    require_same_type(part, whole);
    Shape expected = whole.shape;
    if (part.shape.rank() == whole.shape.rank()) expected[axis] = part.shape[axis];
    require_shape(part, expected);
    total += part.shape[axis];
  }
  if (total != whole.shape[axis]) {
    fail(ErrorKind::bad_file, "the parts have {} elements along axis {}, but {} has {}", total,
         axis, whole.name, whole.shape[axis]);
  }
}

void require_parts_present(const std::vector<Operand>& parts) {
  for (size_t k = 0; k < parts.size(); ++k) {
    if (!parts[k].id) fail(ErrorKind::bad_file, "operand {} is missing", k);
  }
  if (parts.empty()) fail(ErrorKind::bad_file, "the op has no operands");
}

Chunks make_chunks(const std::vector<Operand>& parts, const Operand& whole, int axis) {
  const int64_t element = element_bytes(whole);
  Chunks chunks{.outer = whole.shape.elements(0, axis)};
  for (const Operand& part : parts) {
    chunks.bytes.push_back(element * part.shape.elements() / std::max<int64_t>(chunks.outer, 1));
  }
  return chunks;
}

Kernel join_kernel(Chunks chunks) {
  return {[chunks = std::move(chunks)](const InvokeArgs& run) {
    auto* y = run.out<uint8_t>();
    for (int64_t o = 0; o < chunks.outer; ++o) {
      for (size_t k = 0; k < chunks.bytes.size(); ++k) {
        const int64_t bytes = chunks.bytes[k];
        if (bytes == 0) continue;
        std::memcpy(y, run.in<uint8_t>(k) + o * bytes, static_cast<size_t>(bytes));
        y += bytes;
      }
    }
  }};
}

Kernel split_kernel(Chunks chunks, size_t source) {
  return {[chunks = std::move(chunks), source](const InvokeArgs& run) {
    const auto* x = run.in<uint8_t>(source);
    for (int64_t o = 0; o < chunks.outer; ++o) {
      for (size_t k = 0; k < chunks.bytes.size(); ++k) {
        const int64_t bytes = chunks.bytes[k];
        if (bytes == 0) continue;
        std::memcpy(run.out<uint8_t>(k) + o * bytes, x, static_cast<size_t>(bytes));
        x += bytes;
      }
    }
  }};
}

/// What a uint8 operand's value becomes on the result's scale, one table per operand.
Kernel join_rescaled(const PrepareArgs& args, Chunks chunks) {
  const Operand& y = args.output();
  require_per_tensor(y);
  const float inverse = 1.0f / scale_of(y);
  std::vector<std::array<uint8_t, 256>> tables(args.inputs.size());
  for (size_t k = 0; k < tables.size(); ++k) {
    const Operand& x = args.inputs[k];
    require_per_tensor(x);
    const bool same = same_representation(x, y);
    const float scale = scale_of(x) * inverse;
    const float bias = static_cast<float>(-zero_of(x)) * scale;
    for (int v = 0; v < 256; ++v) {
      const float rescaled = std::round(static_cast<float>(v) * scale + bias);
      const float bounded = std::min(std::max(rescaled, -1024.0f), 1024.0f);
      const int32_t stored = static_cast<int32_t>(bounded) + zero_of(y);
      tables[k][static_cast<size_t>(v)] =
          static_cast<uint8_t>(same ? v : std::clamp(stored, 0, 255));
    }
  }
  return {[chunks = std::move(chunks), tables = std::move(tables)](const InvokeArgs& run) {
    auto* y_values = run.out<uint8_t>();
    for (int64_t o = 0; o < chunks.outer; ++o) {
      for (size_t k = 0; k < tables.size(); ++k) {
        const uint8_t* x = run.in<uint8_t>(k) + o * chunks.bytes[k];
        for (int64_t i = 0; i < chunks.bytes[k]; ++i) *y_values++ = tables[k][x[i]];
      }
    }
  }};
}

void require_representation_of(const std::vector<Operand>& parts, const Operand& whole) {
  const DataType type = whole.type;
  if (type != DataType::int8 && type != DataType::int16 && type != DataType::uint8) return;
  for (const Operand& part : parts) require_same_representation(part, whole);
}

}  // namespace

Kernel prepare_concatenation(const PrepareArgs& args) {
  const auto& attributes = attributes_of<ConcatenationAttributes>(args);
  const Operand& y = args.output();
  if (attributes.activation != Activation::none) {
    fail(ErrorKind::unsupported, "a fused {} has no kernel in CONCATENATION",
         name(attributes.activation));
  }
  require_parts_present(args.inputs);
  const int axis = normalized_axis(attributes.axis, y.shape.rank());
  check_parts(args.inputs, y, axis);
  Chunks chunks = make_chunks(args.inputs, y, axis);
  if (y.type == DataType::uint8 && y.quantization->quantized()) {
    const bool same = std::all_of(args.inputs.begin(), args.inputs.end(),
                                  [&](const Operand& x) { return same_representation(x, y); });
    if (!same) return join_rescaled(args, std::move(chunks));
  }
  require_representation_of(args.inputs, y);
  return join_kernel(std::move(chunks));
}

Kernel prepare_pack(const PrepareArgs& args) {
  const auto& attributes = attributes_of<PackAttributes>(args);
  const Operand& y = args.output();
  require_parts_present(args.inputs);
  const int axis = normalized_axis(attributes.axis, y.shape.rank());
  if (static_cast<int64_t>(args.inputs.size()) != y.shape[axis]) {
    fail(ErrorKind::bad_file, "{} operands are packed into {} of shape {}", args.inputs.size(),
         y.name, to_string(y.shape));
  }
  std::vector<int32_t> dims = y.shape.dims();
  dims.erase(dims.begin() + axis);
  for (const Operand& x : args.inputs) {
    require_same_type(x, y);
    require_shape(x, Shape(dims));
  }
  return join_kernel(make_chunks(args.inputs, y, axis));
}

Kernel prepare_unpack(const PrepareArgs& args) {
  const auto& attributes = attributes_of<UnpackAttributes>(args);
  const Operand& x = args.input(0);
  require_parts_present(args.outputs);
  const int axis = normalized_axis(attributes.axis, x.shape.rank());
  if (static_cast<int64_t>(args.outputs.size()) != x.shape[axis]) {
    fail(ErrorKind::bad_file, "{} of shape {} is unpacked into {} results", x.name,
         to_string(x.shape), args.outputs.size());
  }
  std::vector<int32_t> dims = x.shape.dims();
  dims.erase(dims.begin() + axis);
  for (const Operand& y : args.outputs) {
    require_same_type(x, y);
    require_shape(y, Shape(dims));
  }
  return split_kernel(make_chunks(args.outputs, x, axis), 0);
}

Kernel prepare_split(const PrepareArgs& args) {
  const Operand& x = args.input(1);
  require_parts_present(args.outputs);
  const int axis = normalized_axis(constant_int(args.input(0)), x.shape.rank());
  check_parts(args.outputs, x, axis);
  return split_kernel(make_chunks(args.outputs, x, axis), 1);
}

Kernel prepare_split_v(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_parts_present(args.outputs);
  const int axis = normalized_axis(constant_int(args.input(2)), x.shape.rank());
  check_parts(args.outputs, x, axis);
  return split_kernel(make_chunks(args.outputs, x, axis), 0);
}

}  // namespace smelt
