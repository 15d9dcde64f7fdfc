#include "smelt/kernels/transpose_conv_bias.h"

#include <array>
#include <cstring>

#include "smelt/kernels/operands.h"
#include "smelt/kernels/transpose_conv.h"

namespace smelt {
namespace {

TransposeConv2DAttributes read_options(const CustomAttributes& custom) {
  std::array<int32_t, 3> fields{};
  if (custom.options.size() < sizeof(fields)) {
    fail(ErrorKind::bad_file, "its options have {} bytes, expected {}", custom.options.size(),
         sizeof(fields));
  }
  std::memcpy(fields.data(), custom.options.data(), sizeof(fields));
  if (fields[0] != 1 && fields[0] != 2) {
    fail(ErrorKind::bad_file, "its padding is {}, expected 1 (same) or 2 (valid)", fields[0]);
  }
  return {.padding = fields[0] == 1 ? Padding::same : Padding::valid,
          .stride_h = fields[2],
          .stride_w = fields[1]};
}

}  // namespace

Kernel prepare_transpose_conv_bias(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  for (const size_t i : {size_t{0}, size_t{1}, size_t{2}}) {
    require_type(args.input(i), {DataType::float32});
  }
  require_rank(y, 4, 4);
  const std::vector<int32_t> size = y.shape.dims();
  const Quantization none;
  Op op = args.op;
  op.type = OpType::transpose_conv;
  op.attributes = read_options(attributes_of<CustomAttributes>(args));
  PrepareArgs as_builtin{.op = op,
                         .inputs = {Operand{.id = x.id,
                                            .name = "output shape",
                                            .type = DataType::int32,
                                            .shape = {4},
                                            .quantization = &none,
                                            .constant = size.data()},
                                    args.input(1), x, args.input(2)},
                         .outputs = args.outputs,
                         .numerics = args.numerics,
                         .choice = args.choice};
  Kernel inner = prepare_transpose_conv(as_builtin);
  const int64_t scratch = inner.scratch_bytes;
  return {[invoke = std::move(inner.invoke)](const InvokeArgs& run) {
            const std::array<const void*, 4> inputs = {nullptr, run.inputs[1], run.inputs[0],
                                                       run.inputs[2]};
            invoke({inputs.data(), run.outputs, run.scratch, run.state});
          },
          scratch};
}

}  // namespace smelt
