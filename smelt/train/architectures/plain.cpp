#include "smelt/train/architectures/families.h"

namespace smelt::train {
namespace {

std::string numbered(const std::string& stem, size_t index) {
  return index == 0 ? stem : fmt::format("{}_{}", stem, index);
}

std::vector<int32_t> units_or(const ArchitectureOptions& options, int32_t usual) {
  return options.units.empty() ? std::vector<int32_t>{usual} : options.units;
}

}  // namespace

Graph mlp(const ArchitectureOptions& options) {
  const std::vector<int32_t> units = units_or(options, 128);
  LayerWriter w(options.seed);
  const TensorId input = w.input("input", options.input);
  TensorId x = options.input.rank() > 1 ? w.flatten("flatten", input) : input;
  for (size_t i = 0; i < units.size(); ++i) {
    x = w.dense(numbered("dense", i), x, units[i], OpType::relu);
  }
  if (options.dropout) x = w.dropout("dropout", x, *options.dropout);
  x = w.classifier(numbered("dense", units.size()), x, options.classes);
  return std::move(w).finish({input}, {x});
}

Graph lstm(const ArchitectureOptions& options) {
  const Shape& in = options.input;
  if (in.rank() < 2) {
    fail(ErrorKind::bad_argument, "lstm takes sequences; give --input STEPSxFEATURES, not {}",
         to_string(in));
  }
  const std::vector<int32_t> units = units_or(options, 128);
  LayerWriter w(options.seed);
  const TensorId input = w.input("input", in);
  // The rows of an image are its steps.
  TensorId x = in.rank() == 3 ? w.reshape("reshape", input, {in[0], in[1] * in[2]}) : input;
  for (size_t i = 0; i < units.size(); ++i) {
    x = w.lstm(numbered("lstm", i), x, units[i], i + 1 < units.size());
  }
  if (options.dropout) x = w.dropout("dropout", x, *options.dropout);
  x = w.classifier("dense", x, options.classes);
  return std::move(w).finish({input}, {x});
}

}  // namespace smelt::train
