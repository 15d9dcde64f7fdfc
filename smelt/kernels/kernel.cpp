#include "smelt/kernels/kernel.h"

#include <algorithm>
#include <cmath>

namespace smelt {
namespace {

const Operand& at(const std::vector<Operand>& operands, size_t i, std::string_view what) {
  if (i >= operands.size() || !operands[i].id) {
    fail(ErrorKind::bad_file, "{} {} is missing", what, i);
  }
  return operands[i];
}

bool zero_point_fits(const Operand& operand) {
  const int64_t zero = operand.quantization->zero_point[0];
  switch (operand.type) {
    case DataType::int4:
      return zero >= -8 && zero <= 7;
    case DataType::int8:
      return zero >= -128 && zero <= 127;
    case DataType::uint8:
      return zero >= 0 && zero <= 255;
    case DataType::int16:
      return zero >= -32768 && zero <= 32767;
    default:
      return zero >= INT32_MIN && zero <= INT32_MAX;
  }
}

}  // namespace

const Operand& PrepareArgs::input(size_t i) const { return at(inputs, i, "operand"); }
const Operand& PrepareArgs::output(size_t i) const { return at(outputs, i, "result"); }

Kernel prepare_kernel(const PrepareArgs& args) {
  const PrepareKernel prepare = find_kernel(args.op.type);
  if (prepare == nullptr) {
    fail(ErrorKind::unsupported, "there is no kernel for {}", name(args.op.type));
  }
  return prepare(args);
}

void require_type(const Operand& operand, std::initializer_list<DataType> supported) {
  if (std::find(supported.begin(), supported.end(), operand.type) != supported.end()) return;
  std::string list;
  for (const DataType type : supported)
    list += (list.empty() ? "" : ", ") + std::string(name(type));
  fail(ErrorKind::unsupported, "{} has type {}; there are kernels for {}", operand.name,
       name(operand.type), list);
}

void require_same_type(const Operand& a, const Operand& b) {
  if (a.type == b.type) return;
  fail(ErrorKind::unsupported, "{} is {} but {} is {}; both must have one type", a.name,
       name(a.type), b.name, name(b.type));
}

void require_rank(const Operand& operand, int low, int high) {
  const int rank = operand.shape.rank();
  if (rank >= low && rank <= high) return;
  fail(ErrorKind::bad_file, "{} has shape {}; its rank must be in {}..{}", operand.name,
       to_string(operand.shape), low, high);
}

void require_shape(const Operand& operand, const Shape& expected) {
  if (operand.shape == expected) return;
  fail(ErrorKind::bad_file, "{} has shape {}, expected {}", operand.name, to_string(operand.shape),
       to_string(expected));
}

void require_per_tensor(const Operand& operand) {
  const Quantization& q = *operand.quantization;
  if (!q.per_tensor()) {
    fail(ErrorKind::bad_file, "{} is {} but has {} scales; one is needed", operand.name,
         name(operand.type), q.scale.size());
  }
  if (!(q.scale[0] > 0) || !std::isfinite(q.scale[0])) {
    fail(ErrorKind::bad_file, "{} has quantization scale {}", operand.name, q.scale[0]);
  }
  if (!zero_point_fits(operand)) {
    fail(ErrorKind::bad_file, "{} has zero point {}, outside of {}", operand.name, q.zero_point[0],
         name(operand.type));
  }
}

}  // namespace smelt
