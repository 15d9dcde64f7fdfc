#include "smelt/run/arena_estimate.h"

#include <algorithm>
#include <map>

#include "smelt/run/arena_head.h"
#include "smelt/run/arena_kernels.h"

namespace smelt {
namespace {

/// Structs of tensorflow/lite/micro, laid out for 32-bit and 64-bit pointers.
struct StructSizes {
  MicroBuild build;
  int64_t arena_allocator;      ///< SingleArenaBufferAllocator, on the host its recording form
  int64_t planner;              ///< GreedyMemoryPlanner
  int64_t allocator;            ///< MicroAllocator, on the host its recording form
  int64_t options_allocator;    ///< MicroBuiltinDataAllocator
  int64_t subgraph;             ///< SubgraphAllocations
  int64_t eval_tensor, node;    ///< TfLiteEvalTensor, NodeAndRegistration
  int64_t tensor;               ///< TfLiteTensor
  int64_t quantization;         ///< TfLiteAffineQuantization
  int64_t resources, resource;  ///< MicroResourceVariables, MicroResourceVariable
  int64_t scratch_request;      ///< ScratchBufferRequest
  int64_t allocation_info;      ///< AllocationInfo
};
constexpr StructSizes kMicrocontroller = {{4, false}, 36, 44, 36, 8,  8,  12,
                                          32,         40, 12, 12, 20, 12, 24};
constexpr StructSizes kHost = {{8, true}, 104, 72, 272, 16, 24, 24, 64, 64, 24, 16, 40, 16, 32};

/// The persistent end of the arena: blocks are put one in front of the other.
class Tail {
 public:
  void add(int64_t bytes, int64_t alignment = 16) {
    int64_t end = 0;
    if (__builtin_add_overflow(used_, bytes, &end) ||
        __builtin_add_overflow(end, alignment - 1, &end)) {
      fail(ErrorKind::unsupported, "the data of its ops do not fit into memory");
    }
    used_ = end / alignment * alignment;
  }
  int64_t used() const { return used_; }

 private:
  int64_t used_ = 0;
};

/// Bytes of a tensor's scale and its zero points as an array with its length in front.
int64_t zero_point_bytes(const Tensor& tensor) {
  return 4 + 4 * static_cast<int64_t>(tensor.quantization.scale.size());
}

/// Resource variables by container and name, with the bytes of what is assigned to them where the
/// handle is made in the same graph.
std::map<std::pair<std::string, std::string>, int64_t> resources_of(const Model& model) {
  std::map<std::pair<std::string, std::string>, int64_t> resources;
  for (const Graph& graph : model.graphs) {
    for (const OpId id : graph.ops()) {
      const Op& op = graph.op(id);
      const auto* handle = std::get_if<VarHandleAttributes>(&op.attributes);
      if (handle == nullptr) continue;
      int64_t& bytes = resources[{handle->container, handle->shared_name}];
      if (!op.output()) continue;
      for (const OpId reader : graph.consumers(op.output())) {
        const Op& assign = graph.op(reader);
        if (assign.type != OpType::assign_variable || !assign.input(1)) continue;
        if (bytes == 0) bytes = micro_bytes(graph.tensor(assign.input(1)));
      }
    }
  }
  return resources;
}

/// The tables that are there before kernels are prepared (MicroAllocator::StartModelAllocation).
void add_tables(const Model& model, const StructSizes& sizes, size_t resource_count, Tail& tail) {
  const int64_t pointer = sizes.build.pointer;
  tail.add(sizes.arena_allocator, pointer);
  tail.add(sizes.planner, pointer);
  tail.add(sizes.allocator, pointer);
  if (resource_count > 0) {
    tail.add(sizes.resources);
    tail.add(sizes.resource * static_cast<int64_t>(resource_count));
  }
  tail.add(sizes.options_allocator, pointer);
  tail.add(sizes.subgraph * static_cast<int64_t>(model.graphs.size()), pointer);
  for (const Graph& graph : model.graphs) {
    tail.add(sizes.eval_tensor * static_cast<int64_t>(graph.tensors().size()), pointer);
  }
  for (const Graph& graph : model.graphs) {
    tail.add(sizes.node * static_cast<int64_t>(graph.op_count()), pointer);
  }
}

/// Options, and what kernels keep from their preparation.
void add_kernels(const ModelKernelMemory& kernels, Tail& tail) {
  for (const auto& graph : kernels) {
    for (const KernelMemory& op : graph) {
      if (op.options > 0) tail.add(op.options, op.options_alignment);
    }
  }
  for (const auto& graph : kernels) {
    for (const KernelMemory& op : graph) {
      for (const int64_t bytes : op.persistent) tail.add(bytes);
    }
  }
}

void add_variables(const Model& model, const std::vector<int32_t>& offline, Tail& tail) {
  size_t index = 0;
  for (const Graph& graph : model.graphs) {
    for (const TensorId id : graph.tensors()) {
      const bool planned = !offline.empty() && offline[index++] >= 0;
      const Tensor& tensor = graph.tensor(id);
      if (tensor.is_variable && !planned && tensor.shape.known()) tail.add(micro_bytes(tensor));
    }
  }
}

/// Whole tensors for the inputs and outputs (MicroInterpreter::AllocateTensors).
void add_interface(const Graph& main, const StructSizes& sizes, Tail& tail) {
  for (const auto* ids : {&main.inputs(), &main.outputs()}) {
    tail.add(sizes.build.pointer * static_cast<int64_t>(ids->size()));
    for (const TensorId id : *ids) {
      if (!id) continue;
      tail.add(sizes.tensor, sizes.build.pointer);
      const Tensor& tensor = main.tensor(id);
      if (!tensor.quantization.quantized()) continue;
      tail.add(sizes.quantization, sizes.build.pointer);
      tail.add(zero_point_bytes(tensor), 4);
    }
  }
}

/// Temporary tensors of the op that has the most: a kernel may hold all its operands and results.
int64_t most_temporary_tensors(const Model& model, const StructSizes& sizes) {
  int64_t most = 0;
  for (const Graph& graph : model.graphs) {
    for (const OpId id : graph.ops()) {
      const Op& op = graph.op(id);
      int64_t bytes = 0;
      for (const auto* ids : {&op.inputs, &op.outputs}) {
        for (const TensorId t : *ids) {
          if (!t) continue;
          bytes += sizes.tensor;
          const Tensor& tensor = graph.tensor(t);
          if (tensor.quantization.quantized()) {
            bytes += sizes.quantization + zero_point_bytes(tensor);
          }
        }
      }
      most = std::max(most, bytes);
    }
  }
  return most;
}

/// Bytes in front of the tail while kernels are prepared and while the planner works: requests for
/// scratch buffers, of which twelve more are always possible, and temporary tensors or the
/// planner's tables (GreedyMemoryPlanner::per_buffer_size).
int64_t temporary_bytes(const Model& model, const StructSizes& sizes, const ArenaHead& head,
                        int64_t scratch_count) {
  constexpr int64_t kSpareRequests = 12, kPlannerBytesPerBlock = 40;
  int64_t tensors = 0;
  for (const Graph& graph : model.graphs) tensors += static_cast<int64_t>(graph.tensors().size());
  const int64_t requests = sizes.scratch_request * (scratch_count + kSpareRequests);
  const int64_t planning = sizes.build.pointer * static_cast<int64_t>(model.graphs.size()) +
                           sizes.allocation_info * (tensors + scratch_count) +
                           kPlannerBytesPerBlock * head.planned_blocks;
  return requests + std::max(planning, most_temporary_tensors(model, sizes));
}

ModelKernelMemory kernels_of(const Model& model, const MicroBuild& build, int64_t& scratch_count) {
  ModelKernelMemory kernels;
  for (const Graph& graph : model.graphs) {
    std::vector<KernelMemory>& memory = kernels.emplace_back();
    for (const OpId id : graph.ops()) {
      memory.push_back(kernel_memory(graph, graph.op(id), build));
      scratch_count += static_cast<int64_t>(memory.back().scratch.size());
    }
  }
  return kernels;
}

int64_t aligned(int64_t bytes) { return (bytes + 15) / 16 * 16; }

}  // namespace

ArenaEstimate estimate_arena(const Model& model, MicroTarget target) {
  const StructSizes& sizes = target == MicroTarget::host ? kHost : kMicrocontroller;
  int64_t scratch_count = 0;
  const ModelKernelMemory kernels = kernels_of(model, sizes.build, scratch_count);
  const std::vector<int32_t> offline = offline_plan(model);
  const auto resources = resources_of(model);
  ArenaHead head = plan_head(model, kernels, offline);

  Tail tail;
  add_tables(model, sizes, resources.size(), tail);
  add_kernels(kernels, tail);
  for (const auto& [name, bytes] : resources) {
    if (bytes > 0) tail.add(bytes);
  }
  tail.add(sizes.build.pointer * scratch_count, sizes.build.pointer);
  add_variables(model, offline, tail);
  const int64_t planning = temporary_bytes(model, sizes, head, scratch_count) + tail.used();
  add_interface(model.main(), sizes, tail);

  ArenaEstimate estimate{.head = head.bytes,
                         .persistent = tail.used(),
                         .preparing = planning,
                         .peak_op = head.peak_op,
                         .peak = std::move(head.peak)};
  if (target == MicroTarget::microcontroller) {
    // Firmware gives a multiple of 16.
    estimate.persistent = aligned(estimate.persistent);
    estimate.preparing = aligned(estimate.preparing);
  }
  return estimate;
}

}  // namespace smelt
