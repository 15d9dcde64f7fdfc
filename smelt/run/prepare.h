#pragma once

#include <map>
#include <set>
#include <span>
#include <tuple>

#include "smelt/run/program.h"
#include "smelt/run/resolve.h"

namespace smelt {

/// Makes programs: statically where every shape follows from those of the inputs, else dynamically.
class Preparer {
 public:
  static std::shared_ptr<const Program> prepare(const Model& model, const ProgramOptions& options);

 private:
  /// For each tensor of a graph the variable that it is a handle of.
  using Handles = std::map<TensorId, int>;
  /// What the preparation of a body depends on: graph, shapes of inputs, variables behind them.
  using Key = std::tuple<int, std::vector<std::vector<int32_t>>, std::vector<int>>;
  using OnceKey = std::pair<int, OpId>;

  /// A part while it is prepared.
  struct Draft {
    int graph_index;
    Handles handles;
    std::map<OpId, Control> controls;
  };

  Preparer(const Model& model, const ProgramOptions& options);

  void prepare_static();
  size_t prepare_part(Graph graph, Draft draft);
  size_t prepare_body(int graph_index, const Graph& caller, std::span<const TensorId> operands,
                      const Handles& handles);
  void place(Graph& graph, OpId id, Draft& draft);
  void place_if(Graph& graph, const Op& op, Draft& draft, Control& control);
  void place_while(Graph& graph, const Op& op, Draft& draft, Control& control);
  void place_variable(Graph& graph, const Op& op, const Handles& handles, Control& control);
  void take_results(Graph& graph, const Op& op, size_t part, Draft& draft) const;

  void prepare_dynamic(const std::vector<int>& graphs);
  void prepare_dynamic_step(const Graph& graph, int graph_index, const std::set<TensorId>& unknown,
                            Step& step);

  /// Within what is left of the budgets of all parts; kernels and numerics are the program's.
  std::set<TensorId> resolve_part(Graph& graph, int graph_index, ResolveOptions options);
  Graph main_graph() const;
  Graph body_graph(int index) const;
  int once_flag(int graph_index, OpId id);
  int variable_slot(const VarHandleAttributes& attributes) const;
  void find_variables(const std::vector<int>& graphs);
  void set_variable_type(int slot, DataType type);
  void set_variable_shape(int slot, const Shape& shape);

  const Model& model_;
  std::shared_ptr<Program> program_;
  std::map<Key, size_t> bodies_;
  std::map<size_t, Handles> handles_of_part_;
  std::map<OnceKey, int> once_flags_;
  std::set<int> seen_graphs_;
  int64_t tensors_left_;
  int64_t constant_bytes_left_ = ResolveOptions().max_total_bytes;
  std::vector<bool> typed_;  ///< per variable: something has given it its type
};

}  // namespace smelt
