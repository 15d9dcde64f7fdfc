#include "smelt/run/arena_head.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "smelt/ir/dump.h"
#include "smelt/run/calls.h"
#include "smelt/run/memory_plan.h"

namespace smelt {
namespace {

constexpr int kNever = -1;  ///< life of what no op touches: its blocks share one time of their own
constexpr int64_t kAlignment = 16;

/// A value or a scratch buffer that may need memory.
struct Block {
  size_t graph = 0;
  TensorId tensor;  ///< none for scratch
  OpId op;          ///< whose scratch it is
  MemoryRequest request;
};

class HeadPlanner {
 public:
  HeadPlanner(const Model& model, const ModelKernelMemory& kernels,
              const std::vector<int32_t>& offline)
      : model_(model), kernels_(kernels) {
    add_tensors(offline);
    add_scratch();
    walk(0);
  }

  ArenaHead plan() const {
    std::vector<MemoryRequest> requests;
    for (const Block& block : blocks_) requests.push_back(block.request);
    ArenaHead head{.planned_blocks = static_cast<int64_t>(blocks_.size())};
    plan_greedily(requests, kAlignment, head.bytes);
    find_peak(head);
    return head;
  }

 private:
  void add_tensors(const std::vector<int32_t>& offline) {
    size_t index = 0;
    for (size_t g = 0; g < model_.graphs.size(); ++g) {
      const Graph& graph = model_.graphs[g];
      for (const TensorId id : graph.tensors()) {
        const int64_t offset = offline.empty() ? -1 : offline[index++];
        if (!needs_memory(graph, id, offset >= 0)) continue;
        const int64_t bytes = micro_bytes(graph.tensor(id));
        if (bytes == 0) continue;
        place_of_[{g, id}] = blocks_.size();
        blocks_.push_back(
            {.graph = g,
             .tensor = id,
             .op = OpId::none,
             .request = {.bytes = bytes, .first = kNever, .last = kNever, .offset = offset}});
      }
    }
  }

  /// Variables lie in the tail, unless they are planned beforehand; handles within their op.
  static bool needs_memory(const Graph& graph, TensorId id, bool planned) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant || !tensor.shape.known()) return false;
    if (tensor.is_variable) return planned;
    const OpId producer = graph.producer(id);
    return !producer || graph.op(producer).type != OpType::var_handle;
  }

  void add_scratch() {
    for (size_t g = 0; g < model_.graphs.size(); ++g) {
      const std::vector<OpId> ops = model_.graphs[g].ops();
      for (size_t i = 0; i < ops.size(); ++i) {
        for (const int64_t bytes : kernels_[g][i].scratch) {
          scratch_of_[{g, ops[i]}].push_back(blocks_.size());
          blocks_.push_back({.graph = g,
                             .tensor = TensorId::none,
                             .op = ops[i],
                             .request = {.bytes = bytes, .first = kNever, .last = kNever}});
        }
      }
    }
  }

  void begin(size_t block) {
    MemoryRequest& request = blocks_[block].request;
    if (request.first == kNever) request.first = time_;
  }
  void use(size_t block) { blocks_[block].request.last = time_; }

  template <class Touch>
  void for_each(size_t graph, const std::vector<TensorId>& ids, Touch touch) {
    for (const TensorId id : ids) {
      const auto place = place_of_.find({graph, id});
      if (place != place_of_.end()) touch(place->second);
    }
  }

  void walk(size_t g) {
    const auto begin_block = [&](size_t block) { begin(block); };
    const auto use_block = [&](size_t block) { use(block); };
    const Graph& graph = model_.graphs.at(g);
    for_each(g, graph.inputs(), begin_block);
    for_each(g, graph.inputs(), use_block);
    for (const OpId id : graph.ops()) {
      const Op& op = graph.op(id);
      ++time_;
      op_at_.resize(static_cast<size_t>(time_) + 1);
      op_at_[static_cast<size_t>(time_)] = {g, id};
      for_each(g, op.outputs, begin_block);
      const auto scratch = scratch_of_.find({g, id});
      if (scratch != scratch_of_.end()) {
        for (const size_t block : scratch->second) begin(block);
      }
      for (const int32_t callee : called_graphs(op)) call(callee, {g, id});
      for_each(g, op.inputs, use_block);
      for_each(g, op.outputs, use_block);
      if (scratch != scratch_of_.end()) {
        for (const size_t block : scratch->second) use(block);
      }
    }
    for_each(g, graph.outputs(), begin_block);
    for_each(g, graph.outputs(), use_block);
  }

  void call(int32_t callee, ArenaOp caller) {
    if (callee < 0 || static_cast<size_t>(callee) >= model_.graphs.size()) {
      fail(ErrorKind::bad_file, "{} calls graph {} of {}",
           describe(model_.graphs[caller.graph], caller.op), callee, model_.graphs.size());
    }
    constexpr int kMaxTime = 1 << 20, kMaxDepth = 100;
    if (time_ > kMaxTime || depth_ == kMaxDepth) {
      fail(ErrorKind::unsupported, "control flow is more than {} graphs deep or {} ops long",
           kMaxDepth, kMaxTime);
    }
    ++time_;
    op_at_.resize(static_cast<size_t>(time_) + 1);
    op_at_[static_cast<size_t>(time_)] = caller;
    ++depth_;
    walk(static_cast<size_t>(callee));
    --depth_;
  }

  /// The time when the blocks alive take the most bytes together.
  void find_peak(ArenaHead& head) const {
    std::vector<int64_t> change(static_cast<size_t>(time_) + 2, 0);
    const auto padded = [](int64_t bytes) {
      return (bytes + kAlignment - 1) / kAlignment * kAlignment;
    };
    for (const Block& block : blocks_) {
      if (block.request.first == kNever) continue;
      change[static_cast<size_t>(block.request.first)] += padded(block.request.bytes);
      change[static_cast<size_t>(block.request.last) + 1] -= padded(block.request.bytes);
    }
    int64_t alive = 0, most = 0;
    int peak = 0;
    for (int t = 0; t <= time_; ++t) {
      alive += change[static_cast<size_t>(t)];
      if (alive <= most) continue;
      most = alive;
      peak = t;
    }
    // Time 0 is in front of the first op, which is where its inputs are needed.
    const int step = std::max(peak, 1);
    if (step <= time_) head.peak_op = op_at_[static_cast<size_t>(step)];
    for (const Block& block : blocks_) {
      const MemoryRequest& r = block.request;
      if (r.first == kNever || r.first > peak || r.last < peak) continue;
      const Graph& graph = model_.graphs[block.graph];
      const std::string name =
          block.tensor ? describe(graph, block.tensor) : "scratch of " + describe(graph, block.op);
      head.peak.push_back({name, r.bytes});
    }
    std::stable_sort(head.peak.begin(), head.peak.end(),
                     [](const ArenaBlock& a, const ArenaBlock& b) { return a.bytes > b.bytes; });
  }

  const Model& model_;
  const ModelKernelMemory& kernels_;
  std::vector<Block> blocks_;  ///< tensors by graph and index, then scratch
  std::map<std::pair<size_t, TensorId>, size_t> place_of_;
  std::map<std::pair<size_t, OpId>, std::vector<size_t>> scratch_of_;
  std::vector<ArenaOp> op_at_{ArenaOp{}};  ///< by time
  int time_ = 0;
  int depth_ = 0;  ///< graphs that are being walked besides the main one
};

}  // namespace

std::vector<int32_t> offline_plan(const Model& model) {
  const auto entry = std::find_if(
      model.metadata.rbegin(), model.metadata.rend(),
      [](const Metadata& metadata) { return metadata.name == "OfflineMemoryAllocation"; });
  if (entry == model.metadata.rend()) return {};
  // Version, graph, number of tensors, then their offsets.
  constexpr uint8_t kFront = 3;
  size_t tensors = 0;
  for (const Graph& graph : model.graphs) tensors += graph.tensors().size();
  std::vector<int32_t> words(entry->data.size() / sizeof(int32_t));
  if (!words.empty()) std::memcpy(words.data(), entry->data.bytes().data(), 4 * words.size());
  const bool whole = words.size() >= kFront + tensors;
  if (!whole || words[2] != static_cast<int64_t>(tensors)) {
    fail(ErrorKind::bad_file, "its offline memory plan is not for {} tensors", tensors);
  }
  words.erase(words.begin(), words.begin() + kFront);
  words.resize(tensors);
  for (const int32_t offset : words) {
    if (offset < -1) fail(ErrorKind::bad_file, "its offline memory plan has offset {}", offset);
  }
  return words;
}

ArenaHead plan_head(const Model& model, const ModelKernelMemory& kernels,
                    const std::vector<int32_t>& offline) {
  return HeadPlanner(model, kernels, offline).plan();
}

}  // namespace smelt
