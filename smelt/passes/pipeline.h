#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/passes/lower_recurrent.h"

namespace smelt {

struct PipelineOptions;

struct Pass {
  std::string_view name;
  int (*run)(Graph&);     ///< returns the number of rewrites
  std::string_view when;  ///< why it stands where it stands
  /// In place of `run`: a pass that adds graphs to the model.
  int (*run_model)(Model&, const PipelineOptions&) = nullptr;
};

/// From training form, as importers make it, to the ops that TFLite's own converter would write.
/// Run it before anything that quantizes, saves or executes a model for inference.
std::span<const Pass> inference_pipeline();

struct PassResult {
  std::string_view name;
  int rewrites = 0;
  double seconds = 0;
};

struct PipelineOptions {
  std::vector<std::string> skip;  ///< names of passes to leave out
  RecurrentForm recurrent = RecurrentForm::fused;
  /// Called after each pass that changed something (for dumps).
  std::function<void(const PassResult&, const Model&)> observe;
};

/// Runs the passes in order, each over all graphs of the model, and verifies a graph after each
/// pass that changed it. Rewrites and times of the graphs are summed up. bad_argument where `skip`
/// names no pass; internal where a pass broke a graph.
std::vector<PassResult> run_pipeline(Model& model, std::span<const Pass> passes,
                                     const PipelineOptions& options = {});

/// The same for a graph alone; unsupported where a pass would need to add graphs.
std::vector<PassResult> run_pipeline(Graph& graph, std::span<const Pass> passes,
                                     const PipelineOptions& options = {});

/// The first op that exists in training form only, in words; empty where there is none.
std::string training_form_op(const Graph& graph);

}  // namespace smelt
