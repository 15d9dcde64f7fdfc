#include "smelt/train/compressible.h"

#include <algorithm>

#include "smelt/base/error.h"
#include "smelt/compress/pruning.h"

namespace smelt::train {
namespace {

bool is_convolution(const Graph& graph, TensorId id) {
  return std::any_of(graph.consumers(id).begin(), graph.consumers(id).end(), [&](OpId reader) {
    const OpType type = graph.op(reader).type;
    return type == OpType::conv_2d || type == OpType::depthwise_conv_2d ||
           type == OpType::transpose_conv || type == OpType::conv_3d;
  });
}

}  // namespace

std::vector<Compressible> compressible(const Graph& graph,
                                       const std::vector<Parameter*>& parameters, bool depthwise) {
  std::vector<Compressible> chosen;
  for (Parameter* parameter : parameters) {
    const bool kind =
        parameter->kind == ParameterKind::kernel || parameter->kind == ParameterKind::embedding;
    if (!kind || !parameter->trainable || !graph.contains(parameter->tensor)) continue;
    const compress::KernelMatrix matrix = compress::kernel_matrix(graph, parameter->tensor);
    if (matrix.depthwise && !depthwise) continue;
    chosen.push_back({parameter, matrix, is_convolution(graph, parameter->tensor)});
  }
  return chosen;
}

bool fits_parameter(const std::string& pattern, const Parameter& parameter) {
  return compress::fits_glob(pattern, parameter.name) ||
         compress::fits_glob(pattern, parameter.layer);
}

void check_patterns(const std::vector<std::string>& patterns,
                    const std::vector<Compressible>& parameters, std::string_view what) {
  for (const std::string& pattern : patterns) {
    const bool fits = std::any_of(parameters.begin(), parameters.end(), [&](const auto& entry) {
      return fits_parameter(pattern, *entry.parameter);
    });
    if (fits) continue;
    std::string names;
    for (const Compressible& entry : parameters) {
      names.append(names.empty() ? "" : ", ").append(entry.parameter->name);
    }
    fail(ErrorKind::bad_argument, "{}: '{}' fits no kernel; there are {}", what, pattern,
         names.empty() ? "none" : names);
  }
}

}  // namespace smelt::train
