#include <algorithm>

#include "command.h"
#include "model_options.h"
#include "smelt/report/json.h"
#include "smelt/report/table.h"

namespace smelt::cli {
namespace {

struct InspectOptions {
  CommonOptions common;
  ModelOptions model;
};

std::string tensor_text(const TensorSummary& tensor) {
  std::string text = fmt::format("{} {}{}", tensor.name, tensor.type, to_string(tensor.shape));
  if (tensor.scale)
    text += fmt::format(" scale {:g} zero point {}", *tensor.scale, *tensor.zero_point);
  return text;
}

std::string op_table(const ModelSummary& summary) {
  Table table({"#", "op", "layer", "output", "weights", "parameters", "MACs"});
  for (size_t i = 0; i < summary.ops.size(); ++i) {
    const OpSummary& op = summary.ops[i];
    table.add({std::to_string(i), op.type, op.name, op.output.type + to_string(op.output.shape),
               op.weight_quantization, op.parameters > 0 ? format_count(op.parameters) : "",
               op.macs > 0 ? format_count(op.macs) : ""});
  }
  return table.text(terminal_width());
}

/// What TFLite Micro needs, and the largest of what fills it at its fullest.
std::string arena_text(const ModelSummary& s) {
  if (!s.arena) return fmt::format("TFLite Micro arena: unknown, {}\n", s.arena_unknown_because);
  const ArenaSummary& arena = *s.arena;
  std::string text = fmt::format(
      "TFLite Micro arena on a 32-bit microcontroller: about {} bytes, activations {}, persistent "
      "{}\n",
      format_count(arena.mcu_bytes), format_count(arena.head), format_count(arena.tail));
  if (arena.peak_op.empty()) return text;
  constexpr size_t kMost = 8;
  text += fmt::format("fullest at {}:\n", arena.peak_op);
  Table table({"bytes", "tensor"});
  for (size_t i = 0; i < std::min(kMost, arena.peak_tensors.size()); ++i) {
    const ArenaBlock& block = arena.peak_tensors[i];
    table.add({format_count(block.bytes), block.name});
  }
  text += table.text(terminal_width());
  if (arena.peak_tensors.size() > kMost) {
    text += fmt::format("and {} smaller\n", arena.peak_tensors.size() - kMost);
  }
  return text;
}

std::string totals(const ModelSummary& s) {
  std::string text = fmt::format(
      "parameters {}, MACs {}\n"
      "bytes: weights {}, biases {}, other constants {}, scales and zero points {}, names {}, "
      "metadata {}\n",
      format_count(s.parameters), format_count(s.macs), format_count(s.weight_bytes),
      format_count(s.bias_bytes), format_count(s.other_constant_bytes),
      format_count(s.quantization_bytes), format_count(s.name_bytes),
      format_count(s.metadata_bytes));
  return text + arena_text(s);
}

int run_inspect(const InspectOptions& options, Terminal& terminal) {
  const ModelSummary summary = summarize(load_model(options.model));
  terminal.print("{}: {}, {} bytes{}\n", summary.path, summary.format,
                 format_count(summary.file_bytes),
                 summary.subgraphs > 1 ? fmt::format(", {} subgraphs", summary.subgraphs) : "");
  for (const TensorSummary& t : summary.inputs) terminal.print("input   {}\n", tensor_text(t));
  for (const TensorSummary& t : summary.outputs) terminal.print("output  {}\n", tensor_text(t));
  terminal.print("\n{}\n{}", op_table(summary), totals(summary));
  write_json(options.common, to_json(summary));
  return kDone;
}

}  // namespace

void add_inspect(CLI::App& app, Run& chosen) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& command = *app.add_subcommand(
      "inspect", "Show a model's ops, shapes, quantization, bytes, MACs and arena");
  add_model(command, options->model);
  add_common(command, options->common);
  on_chosen(command, options, chosen, run_inspect);
}

}  // namespace smelt::cli
