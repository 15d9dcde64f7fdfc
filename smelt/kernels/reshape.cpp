#include "smelt/kernels/reshape.h"

#include "smelt/kernels/operands.h"

namespace smelt {

Kernel prepare_reshape(const PrepareArgs& args) { return copy_kernel(args); }

Kernel prepare_bitcast(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  const int64_t bytes = storage_bytes(x.type, x.shape.elements());
  if (bit_width(x.type) == 0 || bit_width(y.type) == 0) fail_types(args);
  if (bytes != storage_bytes(y.type, y.shape.elements())) {
    fail(ErrorKind::bad_file, "{} has another number of bytes than {}", y.name, x.name);
  }
  return {[bytes](const InvokeArgs& run) {
    if (bytes > 0) std::memcpy(run.outputs[0], run.inputs[0], static_cast<size_t>(bytes));
  }};
}

Kernel prepare_shape(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_type(y, {DataType::int32, DataType::int64});
  require_shape(y, Shape{x.shape.rank()});
  const auto write = [dims = x.shape.dims()](auto zero) {
    using T = decltype(zero);
    return Kernel{
        [dims](const InvokeArgs& run) { std::copy(dims.begin(), dims.end(), run.out<T>()); }};
  };
  return y.type == DataType::int32 ? write(int32_t{}) : write(int64_t{});
}

Kernel prepare_rank(const PrepareArgs& args) {
  const Operand& y = args.output();
  require_type(y, {DataType::int32});
  if (y.shape.elements() != 1) fail(ErrorKind::bad_file, "{} must have one element", y.name);
  return {
      [rank = args.input(0).shape.rank()](const InvokeArgs& run) { run.out<int32_t>()[0] = rank; }};
}

}  // namespace smelt
