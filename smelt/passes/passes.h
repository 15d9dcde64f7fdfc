#pragma once

#include "smelt/ir/graph.h"

namespace smelt {

/// The rewrites of the float graph: each returns how often its pattern was rewritten. They keep
/// what the graph computes (up to the order of float operations), its inputs and its outputs.
/// Pattern, result and precondition stand on top of each source file.

int infer_shapes(Graph& graph);
int lower_batch_norm(Graph& graph);
int normalize_arithmetic(Graph& graph);
int drop_identity(Graph& graph);
int merge_dilation(Graph& graph);
int merge_reshapes(Graph& graph);
int sink_layout(Graph& graph);
int fuse_hard_swish(Graph& graph);
int merge_equal_ops(Graph& graph);
int fold_constants(Graph& graph);
int fold_affine_behind(Graph& graph);
int fold_affine_before(Graph& graph);
int merge_padding(Graph& graph);
int trim_filters(Graph& graph);
int fuse_activations(Graph& graph);
int add_biases(Graph& graph);
int remove_dead(Graph& graph);
int shorten_names(Graph& graph);

/// Not in the pipeline, as it makes files larger: constants that are stored as float16, int8 or
/// sparsely, with a DEQUANTIZE or DENSIFY op behind them, become plain ones.
int expand_constants(Graph& graph);

}  // namespace smelt
