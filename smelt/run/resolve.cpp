#include "smelt/run/resolve.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/ops/infer.h"
#include "smelt/run/densify.h"

namespace smelt {
namespace {

/// Memory that a kernel needs besides its operands when it runs at prepare time.
class Scratch {
 public:
  explicit Scratch(int64_t bytes)
      : buffer_(Buffer::make(static_cast<size_t>(bytes),
                             [&](std::span<uint8_t> all) { data_ = all.data(); })) {}
  std::byte* data() const { return reinterpret_cast<std::byte*>(data_); }

 private:
  uint8_t* data_ = nullptr;
  Buffer buffer_;
};

bool random(OpType type) {
  return type == OpType::random_uniform || type == OpType::random_standard_normal ||
         type == OpType::multinomial;
}

class Resolver {
 public:
  Resolver(Graph& graph, const ResolveOptions& options)
      : graph_(graph), options_(options), total_bytes_(options.max_total_bytes) {}

  void resolve(OpId id) {
    infer_shapes(graph_, id);
    const Op& op = graph_.op(id);
    for (const TensorId output : op.outputs) {
      if (output && bit_width(graph_.tensor(output).type) > 0) value_bytes(graph_.tensor(output));
    }
    if (op.type == OpType::shape || op.type == OpType::rank) {
      compute_shape(id);
    } else if (op.type == OpType::densify) {
      compute_dense(id);
    } else if (computable(op)) {
      compute(id);
    }
  }

 private:
  bool computable(const Op& op) const {
    if (random(op.type) || op.inputs.empty() || op.outputs.empty()) return false;
    const bool all_known = std::all_of(op.inputs.begin(), op.inputs.end(), [&](TensorId id) {
      return !id || (graph_.tensor(id).is_constant && !graph_.tensor(id).sparsity);
    });
    return all_known && results_fit(op) && find_kernel(op.type) != nullptr;
  }

  bool results_fit(const Op& op) const {
    int64_t bytes = 0;
    for (const TensorId id : op.outputs) {
      if (!id || graph_.is_input(id) || graph_.tensor(id).is_variable ||
          bit_width(graph_.tensor(id).type) == 0) {
        return false;
      }
      const int64_t size = value_bytes(graph_.tensor(id));
      if (size > options_.max_constant_bytes) return false;
      bytes += size;
    }
    return bytes <= total_bytes_;
  }

  void become_constant(TensorId id, Buffer data) {
    total_bytes_ -= static_cast<int64_t>(data.size());
    Tensor& tensor = graph_.tensor(id);
    tensor.data = std::move(data);
    tensor.is_constant = true;
  }

  void compute_shape(OpId id) {
    const Op op = graph_.op(id);
    const Shape& shape = graph_.tensor(op.input(0)).shape;
    if (!op.output() || graph_.is_input(op.output())) return;
    const std::vector<int32_t> dims =
        op.type == OpType::shape ? shape.dims() : std::vector<int32_t>{shape.rank()};
    const DataType type = graph_.tensor(op.output()).type;
    if (type != DataType::int32 && type != DataType::int64) {
      fail(ErrorKind::unsupported, "gives sizes as {}", name(type));
    }
    graph_.erase(id);
    become_constant(op.output(), type == DataType::int32
                                     ? Buffer::of(dims)
                                     : Buffer::of(std::vector<int64_t>(dims.begin(), dims.end())));
  }

  void compute_dense(OpId id) {
    const Op op = graph_.op(id);
    const Tensor& sparse = graph_.tensor(op.input(0));
    if (!sparse.is_constant || !op.output() || !results_fit(op)) {
      fail(ErrorKind::unsupported, "only constants of a moderate size can be made dense");
    }
    if (graph_.tensor(op.output()).type != sparse.type) {
      fail(ErrorKind::bad_file, "makes {} from {}", name(graph_.tensor(op.output()).type),
           name(sparse.type));
    }
    Buffer dense = sparse.sparsity ? densify(sparse) : sparse.data;
    graph_.erase(id);
    become_constant(op.output(), std::move(dense));
  }

  void compute(OpId id) {
    const Kernel kernel = prepare_op(graph_, id, options_.kernels, options_.numerics);
    if (kernel.state_bytes > 0) return;
    const Op op = graph_.op(id);
    std::vector<const void*> inputs;
    for (const TensorId input : op.inputs) {
      inputs.push_back(input ? graph_.tensor(input).data.bytes().data() : nullptr);
    }
    std::vector<Buffer> results;
    std::vector<void*> outputs;
    for (const TensorId output : op.outputs) {
      const auto size = static_cast<size_t>(value_bytes(graph_.tensor(output)));
      results.push_back(
          Buffer::make(size, [&](std::span<uint8_t> bytes) { outputs.push_back(bytes.data()); }));
    }
    const Scratch scratch(kernel.scratch_bytes);
    kernel.invoke({inputs.data(), outputs.data(), scratch.data(), nullptr});
    graph_.erase(id);
    for (size_t i = 0; i < op.outputs.size(); ++i) {
      become_constant(op.outputs[i], std::move(results[i]));
    }
  }

  Graph& graph_;
  const ResolveOptions& options_;
  int64_t total_bytes_;
};

const Tensor* tensor_or_null(const Graph& graph, TensorId id) {
  return id && graph.contains(id) ? &graph.tensor(id) : nullptr;
}

Operand make_operand(const Graph& graph, TensorId id, const Op& op) {
  if (!id) return {};
  const Tensor& tensor = graph.tensor(id);
  if (tensor.sparsity && op.type != OpType::densify) {
    fail(ErrorKind::unsupported, "{} is a sparse constant, which only DENSIFY reads",
         describe(graph, id));
  }
  if (bit_width(tensor.type) > 0) value_bytes(tensor);
  Operand operand{.id = id,
                  .name = tensor.name,
                  .type = tensor.type,
                  .shape = tensor.shape,
                  .quantization = &tensor.quantization,
                  .constant = tensor.is_constant ? tensor.data.bytes().data() : nullptr,
                  .is_variable = tensor.is_variable};
  if (const auto* blocks = std::get_if<BlockwiseScales>(&tensor.quantization.details)) {
    operand.block_scales = tensor_or_null(graph, blocks->scales);
    operand.block_zero_points = tensor_or_null(graph, blocks->zero_points);
  }
  return operand;
}

/// True for ops whose options Smelt never looks at.
bool attributes_are_opaque(OpType type) {
  return std::holds_alternative<OpaqueAttributes>(default_attributes(type));
}

void fix_input_shapes(Graph& graph) {
  for (const TensorId id : graph.inputs()) {
    Shape& shape = graph.tensor(id).shape;
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape[i] == Shape::kUnknown) shape[i] = 1;
    }
  }
}

}  // namespace

int64_t value_bytes(const Tensor& tensor) {
  if (bit_width(tensor.type) == 0) {
    fail(ErrorKind::unsupported, "{} holds values of type {}", tensor.name, name(tensor.type));
  }
  return storage_bytes(tensor.type, tensor.shape.elements());
}

Kernel prepare_op(const Graph& graph, OpId id, KernelChoice kernels, Numerics numerics) {
  const Op& op = graph.op(id);
  const bool opaque = std::holds_alternative<OpaqueAttributes>(op.attributes);
  if (opaque && (find_kernel(op.type) == nullptr || !attributes_are_opaque(op.type))) {
    fail(ErrorKind::unsupported, "there is no kernel for it (its options are not known)");
  }
  PrepareArgs args{.op = op, .inputs = {}, .outputs = {}, .numerics = numerics, .choice = kernels};
  for (const TensorId input : op.inputs) args.inputs.push_back(make_operand(graph, input, op));
  for (const TensorId output : op.outputs) args.outputs.push_back(make_operand(graph, output, op));
  for (const TensorId scales : op.intermediates) {
    args.intermediates.push_back(make_operand(graph, scales, op));
  }
  Kernel kernel = prepare_kernel(args);
  SMELT_CHECK(kernel.invoke != nullptr && kernel.scratch_bytes >= 0 && kernel.state_bytes >= 0);
  return kernel;
}

void resolve(Graph& graph, const Graph& names, const ResolveOptions& options) {
  fix_input_shapes(graph);
  Resolver resolver(graph, options);
  for (const OpId id : graph.ops()) {
    with_context([&] { return describe(names, id); }, [&] { resolver.resolve(id); });
  }
}

}  // namespace smelt
