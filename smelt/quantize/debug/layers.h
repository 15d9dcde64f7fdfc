#pragma once

#include <memory>
#include <string>
#include <vector>

#include "smelt/ir/model.h"
#include "smelt/quantize/debug/align.h"
#include "smelt/run/program.h"

namespace smelt {

/// An op of the quantized program whose results are compared with those of its float counterpart.
struct Layer {
  size_t step = 0;              ///< of the quantized program
  size_t reference_step = 0;    ///< of the float program
  std::vector<int> sources;     ///< see OpMatch
  std::vector<size_t> results;  ///< which of the op's results are compared
  bool floats_in = false;  ///< reads float activations: what it rounds of them, it rounds inside
  bool stores_weights = false;  ///< has constants that are stored otherwise than in the float model
  /// The float op reading the constants as the quantized model stores them; an op of
  /// Comparison::stored.
  Kernel with_stored_weights = {};
};

/// A float and a quantized model, prepared to run side by side in batches of one size with every
/// value kept.
struct Comparison {
  Model float_model, quantized_model;  ///< as given: a sample at a time
  std::shared_ptr<const Program> reference, quantized;
  Alignment alignment;  ///< of the graphs of both programs
  Graph stored;         ///< the float graph where layers read the quantized model's constants
  std::vector<Layer> layers;
};

struct ComparisonOptions {
  int64_t samples = 1;  ///< that will be run; decides how many go into a batch
  Numerics numerics = Numerics::reference;
  std::string layers;  ///< regular expression, searched in names of layer and result; empty: all
  AlignBy align = AlignBy::structure;
};

/// bad_argument where the models are not the same or the expression is none; unsupported where
/// shapes depend on data. Ops that run subgraphs are listed as unmatched.
Comparison prepare_comparison(const Model& reference, const Model& quantized,
                              const ComparisonOptions& options);

}  // namespace smelt
