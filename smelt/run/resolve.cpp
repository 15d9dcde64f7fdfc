#include "smelt/run/resolve.h"

#include <algorithm>

#include "smelt/ir/dump.h"
#include "smelt/ops/infer.h"
#include "smelt/run/calls.h"
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
      : graph_(graph), options_(options), total_bytes_(options.max_total_bytes) {
    if (options.unknown_inputs) unknown_.insert(graph.inputs().begin(), graph.inputs().end());
  }

  void resolve(OpId id) {
    if (!find_shapes(id)) {
      const std::vector<TensorId>& outputs = graph_.op(id).outputs;
      unknown_.insert(outputs.begin(), outputs.end());
      return;
    }
    const Op& op = graph_.op(id);
    for (const TensorId output : op.outputs) {
      if (output && bit_width(graph_.tensor(output).type) > 0) value_bytes(graph_.tensor(output));
    }
    if (op.type == OpType::densify) {
      compute_dense(id);
    } else if (computable(op)) {
      compute(id);
    }
  }

  std::set<TensorId> unknown() && { return std::move(unknown_); }

 private:
  /// False where they depend on data.
  bool find_shapes(OpId id) {
    const Op& op = graph_.op(id);
    if (std::ranges::any_of(op.inputs, [&](TensorId t) { return unknown_.contains(t); })) {
      check_arity(op);
      return false;
    }
    try {
      infer_shapes(graph_, id);
      if (options_.control && is_control(op.type)) options_.control(graph_, id);
      return true;
    } catch (const DependsOnData&) {
      if (!options_.partial) throw;
      return false;
    }
  }

  /// SHAPE and RANK read no values.
  bool known(const Op& op, TensorId id) const {
    if (!id || op.type == OpType::shape || op.type == OpType::rank) return true;
    return graph_.tensor(id).is_constant && !graph_.tensor(id).sparsity;
  }

  bool computable(const Op& op) const {
    if (random(op.type) || op.inputs.empty() || op.outputs.empty()) return false;
    const bool all_known =
        std::ranges::all_of(op.inputs, [&](TensorId id) { return known(op, id); });
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
  std::set<TensorId> unknown_;
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

int fresh_byte(const Tensor& tensor) {
  const Quantization& q = tensor.quantization;
  const bool shifted = tensor.type == DataType::int8 && !q.zero_point.empty();
  return shifted ? static_cast<int>(q.zero_point[0]) : 0;
}

int64_t variable_bytes(const ResourceVariable& variable) {
  return variable.shape ? storage_bytes(variable.type, variable.shape->elements()) : 0;
}

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

std::set<TensorId> resolve(Graph& graph, const Graph& names, const ResolveOptions& options) {
  fix_input_shapes(graph);
  Resolver resolver(graph, options);
  for (const OpId id : graph.ops()) {
    with_context([&] { return describe(names, id); }, [&] { resolver.resolve(id); });
  }
  std::set<TensorId> unknown = std::move(resolver).unknown();
  unknown.erase(TensorId::none);
  return unknown;
}

}  // namespace smelt
