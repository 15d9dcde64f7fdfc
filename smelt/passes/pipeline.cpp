#include "smelt/passes/pipeline.h"

#include <algorithm>
#include <chrono>

#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"
#include "smelt/passes/passes.h"

namespace smelt {
namespace {

int lower_recurrent_as_asked(Model& model, const PipelineOptions& options) {
  return lower_recurrent(model, options.recurrent);
}

constexpr Pass kInference[] = {
    {"infer_shapes", infer_shapes, "first: the other passes ask for shapes"},
    {"lower_recurrent", nullptr, "before all that looks at what it writes",
     lower_recurrent_as_asked},
    {"lower_batch_norm", lower_batch_norm, "before the affine folds, which take it apart"},
    {"fold_constants", fold_constants, "before patterns that want constant operands"},
    {"normalize_arithmetic", normalize_arithmetic, "before the affine folds: fewer spellings"},
    {"drop_identity", drop_identity, "before patterns of neighbours: brings them together"},
    {"merge_equal_ops", merge_equal_ops, "after drop_identity: operands are the same tensors"},
    {"merge_dilation", merge_dilation, "after drop_identity, before reshapes are merged"},
    {"merge_reshapes", merge_reshapes, "after drop_identity has brought reshapes together"},
    {"sink_layout", sink_layout, "before the folds that want neighbours"},
    {"fuse_hard_swish", fuse_hard_swish, "before its offset and scale are folded elsewhere"},
    {"fold_affine_behind", fold_affine_behind, "before activations are fused in between"},
    {"fold_affine_before", fold_affine_before, "after the folds that keep weights per channel"},
    {"merge_padding", merge_padding, "after constant paddings are known"},
    {"trim_filters", trim_filters, "after merge_padding: padding is an attribute"},
    {"fuse_activations", fuse_activations, "after the affine folds: nothing may follow it"},
    {"add_biases", add_biases, "after the affine folds, which make most of them"},
    {"merge_reshapes_again", merge_reshapes, "what stood between them has moved"},
    {"drop_identity_again", drop_identity, "zero offsets and merged reshapes have appeared"},
    {"remove_dead", remove_dead, "after all that leaves ops and constants behind"},
    {"shorten_names", shorten_names, "last: names what has remained"},
};

void check_skipped(std::span<const Pass> passes, const std::vector<std::string>& skip) {
  for (const std::string& name : skip) {
    if (std::any_of(passes.begin(), passes.end(), [&](const Pass& p) { return p.name == name; })) {
      continue;
    }
    std::string known;
    for (const Pass& pass : passes) {
      if (!known.empty()) known += ", ";
      known += pass.name;
    }
    fail(ErrorKind::bad_argument, "there is no pass '{}'; there are {}", name, known);
  }
}

void check_graph(const Graph& graph, const Pass& pass) {
  try {
    verify(graph);
  } catch (const Error& error) {
    fail(ErrorKind::internal, "pass {} broke the graph: {}", pass.name, error.what());
  }
}

PassResult run_pass(Model& model, const Pass& pass, const PipelineOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  PassResult result{.name = pass.name};
  std::vector<const Graph*> changed;
  with_context([&] { return fmt::format("pass {}", pass.name); },
               [&] {
                 if (pass.run_model != nullptr) {
                   result.rewrites = pass.run_model(model, options);
                   for (const Graph& graph : model.graphs) changed.push_back(&graph);
                   return;
                 }
                 for (Graph& graph : model.graphs) {
                   const int rewrites = pass.run(graph);
                   if (rewrites > 0) changed.push_back(&graph);
                   result.rewrites += rewrites;
                 }
               });
  if (result.rewrites > 0) {
    for (const Graph* graph : changed) check_graph(*graph, pass);
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  result.seconds = time.count();
  return result;
}

}  // namespace

std::span<const Pass> inference_pipeline() { return kInference; }

std::vector<PassResult> run_pipeline(Model& model, std::span<const Pass> passes,
                                     const PipelineOptions& options) {
  check_skipped(passes, options.skip);
  for (const Graph& graph : model.graphs) verify(graph);
  std::vector<PassResult> results;
  for (const Pass& pass : passes) {
    if (std::find(options.skip.begin(), options.skip.end(), pass.name) != options.skip.end()) {
      continue;
    }
    results.push_back(run_pass(model, pass, options));
    if (options.observe && results.back().rewrites > 0) options.observe(results.back(), model);
  }
  return results;
}

std::vector<PassResult> run_pipeline(Graph& graph, std::span<const Pass> passes,
                                     const PipelineOptions& options) {
  Model model;
  model.graphs.push_back(graph);
  std::vector<PassResult> results = run_pipeline(model, passes, options);
  if (model.graphs.size() != 1) {
    fail(ErrorKind::unsupported, "the graph needs others, and it stands alone");
  }
  graph = std::move(model.main());
  return results;
}

std::string training_form_op(const Graph& graph) {
  for (const OpId id : graph.ops()) {
    if (builtin_code(graph.op(id).type) < 0) return describe(graph, id);
  }
  return "";
}

}  // namespace smelt
