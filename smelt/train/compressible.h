#pragma once

#include <string>
#include <vector>

#include "smelt/compress/kernel_matrix.h"
#include "smelt/train/layer.h"

namespace smelt::train {

/// A parameter that can be pruned or clustered.
struct Compressible {
  Parameter* parameter = nullptr;
  compress::KernelMatrix matrix;
  bool convolution = false;
};

/// The trainable kernels and embeddings of `graph` among `parameters`; those of depthwise
/// convolutions where asked for.
std::vector<Compressible> compressible(const Graph& graph,
                                       const std::vector<Parameter*>& parameters, bool depthwise);

/// Whether a glob fits the name of the parameter ("conv1/kernel") or of its layer ("conv1").
bool fits_parameter(const std::string& pattern, const Parameter& parameter);

/// bad_argument, naming `what` and the parameters that there are, where a pattern fits none.
void check_patterns(const std::vector<std::string>& patterns,
                    const std::vector<Compressible>& parameters, std::string_view what);

}  // namespace smelt::train
