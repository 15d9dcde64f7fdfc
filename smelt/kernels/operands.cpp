#include "smelt/kernels/operands.h"

#include "smelt/ops/op_def.h"

namespace smelt {

int64_t element_bytes(const Operand& operand) {
  const int bits = bit_width(operand.type);
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64) {
    fail(ErrorKind::unsupported, "{} has type {}, which has no kernel here", operand.name,
         name(operand.type));
  }
  return bits / 8;
}

std::vector<int64_t> constant_ints(const Operand& operand) {
  if (operand.constant == nullptr) {
    throw DependsOnData(
        fmt::format("{} is computed at run time; only a constant has a kernel", operand.name));
  }
  const auto count = static_cast<size_t>(operand.shape.elements());
  if (operand.type == DataType::int32) {
    const auto* values = operand.constant_as<int32_t>();
    return {values, values + count};
  }
  if (operand.type == DataType::int64) {
    const auto* values = operand.constant_as<int64_t>();
    return {values, values + count};
  }
  fail(ErrorKind::bad_file, "{} has type {}; int32 or int64 is needed", operand.name,
       name(operand.type));
}

int64_t constant_int(const Operand& operand) {
  const std::vector<int64_t> values = constant_ints(operand);
  if (values.size() != 1) {
    fail(ErrorKind::bad_file, "{} has {} elements; one is needed", operand.name, values.size());
  }
  return values[0];
}

void require_same_shape(const Operand& a, const Operand& b) {
  if (a.shape == b.shape) return;
  fail(ErrorKind::bad_file, "{} has shape {} but {} has {}; both must have one shape", a.name,
       to_string(a.shape), b.name, to_string(b.shape));
}

void require_same_elements(const Operand& a, const Operand& b) {
  if (a.shape.elements() == b.shape.elements()) return;
  fail(ErrorKind::bad_file, "{} has shape {} but {} has {}; the element counts must be equal",
       a.name, to_string(a.shape), b.name, to_string(b.shape));
}

bool same_representation(const Operand& a, const Operand& b) {
  return a.type == b.type && a.quantization->scale == b.quantization->scale &&
         a.quantization->zero_point == b.quantization->zero_point;
}

void require_same_representation(const Operand& a, const Operand& b) {
  require_same_type(a, b);
  if (same_representation(a, b)) return;
  fail(ErrorKind::unsupported,
       "{} and {} have different scales or zero points; this op only moves values", a.name, b.name);
}

void fail_types(const PrepareArgs& args) {
  const auto list = [](const std::vector<Operand>& operands) {
    std::string text;
    for (const Operand& operand : operands) {
      text += (text.empty() ? "" : ", ") +
              (operand.id ? std::string(name(operand.type)) : std::string("none"));
    }
    return text;
  };
  fail(ErrorKind::unsupported, "{} has no kernel for {} -> {}", name(args.op.type),
       list(args.inputs), list(args.outputs));
}

AxisSplit split_at(const Shape& shape, int axis) {
  return {shape.elements(0, axis), shape[axis], shape.elements(axis + 1, shape.rank())};
}

Kernel copy_kernel(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_same_type(x, y);
  require_same_elements(x, y);
  if (bit_width(x.type) == 0) fail_types(args);
  const int64_t bytes = storage_bytes(x.type, x.shape.elements());
  return {[bytes](const InvokeArgs& run) {
    if (bytes > 0 && run.inputs[0] != run.outputs[0]) {
      std::memcpy(run.outputs[0], run.inputs[0], static_cast<size_t>(bytes));
    }
  }};
}

void require_channel_scales(const Operand& w, int64_t channels, int axis) {
  const Quantization& q = *w.quantization;
  const auto count = static_cast<int64_t>(q.scale.size());
  if (count != 1 && count != channels) {
    fail(ErrorKind::bad_file, "{} has {} scales for {} output channels", w.name, count, channels);
  }
  if (count > 1 && (q.axis < 0 || q.axis >= w.shape.rank() || w.shape[q.axis] != w.shape[axis])) {
    fail(ErrorKind::bad_file, "{} is quantized along axis {}, expected {}", w.name, q.axis, axis);
  }
}

}  // namespace smelt
