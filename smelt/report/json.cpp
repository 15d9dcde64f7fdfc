#include "smelt/report/json.h"

namespace smelt {
namespace {

using nlohmann::json;

json to_json(const TensorSummary& tensor) {
  return {{"name", tensor.name},
          {"type", tensor.type},
          {"shape", tensor.shape.dims()},
          {"scale", or_null(tensor.scale)},
          {"zero_point", or_null(tensor.zero_point)}};
}

json to_json(const OpSummary& op) {
  return {{"name", op.name},
          {"type", op.type},
          {"attributes", op.attributes},
          {"inputs", op.inputs},
          {"output", to_json(op.output)},
          {"weights", op.weight_quantization},
          {"parameters", op.parameters},
          {"macs", op.macs}};
}

json to_json(const ArenaBlock& block) { return {{"name", block.name}, {"bytes", block.bytes}}; }

json to_json(const BenchmarkOp& op) {
  return {{"name", op.name}, {"type", op.type},     {"ms", op.ms},      {"share", op.share},
          {"macs", op.macs}, {"gflops", op.gflops}, {"bytes", op.bytes}};
}

json to_json(const ConfusionMatrix& confusion) {
  json rows = json::array();
  for (int truth = 0; truth < confusion.classes(); ++truth) {
    json row = json::array();
    for (int predicted = 0; predicted < confusion.classes(); ++predicted) {
      row.push_back(confusion.count(truth, predicted));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

template <class T>
json list(const std::vector<T>& values) {
  json array = json::array();
  for (const T& value : values) array.push_back(to_json(value));
  return array;
}

json to_json(const ArenaSummary& arena) {
  return {{"host_bytes", arena.host_bytes},
          {"mcu_bytes", arena.mcu_bytes},
          {"head", arena.head},
          {"tail", arena.tail},
          {"peak_op", arena.peak_op},
          {"peak_tensors", list(arena.peak_tensors)}};
}

}  // namespace

json to_json(const Evaluation& evaluation) {
  json result = {{"samples", evaluation.samples},
                 {"seconds", evaluation.seconds},
                 {"samples_per_second", evaluation.samples_per_second},
                 {"loss", or_null(evaluation.loss)},
                 {"loss_name", evaluation.loss_name}};
  if (evaluation.accuracy) {
    result["accuracy"] = *evaluation.accuracy;
    result["accuracy_low"] = evaluation.accuracy_interval.low;
    result["accuracy_high"] = evaluation.accuracy_interval.high;
    result["confusion_matrix"] = to_json(evaluation.confusion);
    result["classes"] = evaluation.class_names;
  }
  return result;
}

json to_json(const ModelSummary& summary) {
  return {{"path", summary.path},
          {"format", summary.format},
          {"description", summary.description},
          {"file_bytes", summary.file_bytes},
          {"subgraphs", summary.subgraphs},
          {"inputs", list(summary.inputs)},
          {"outputs", list(summary.outputs)},
          {"ops", list(summary.ops)},
          {"parameters", summary.parameters},
          {"macs", summary.macs},
          {"bytes",
           {{"weights", summary.weight_bytes},
            {"biases", summary.bias_bytes},
            {"other_constants", summary.other_constant_bytes},
            {"quantization", summary.quantization_bytes},
            {"names", summary.name_bytes},
            {"metadata", summary.metadata_bytes}}},
          {"arena_bytes", summary.arena ? json(summary.arena->mcu_bytes) : json()},
          {"arena", summary.arena ? to_json(*summary.arena) : json()},
          {"arena_unknown_because", summary.arena_unknown_because}};
}

json to_json(const BenchmarkResult& result) {
  return {{"samples_per_second", result.samples_per_second},
          {"latency_ms",
           {{"p50", result.latency_ms.p50},
            {"p90", result.latency_ms.p90},
            {"p99", result.latency_ms.p99}}},
          {"threads", result.threads},
          {"batch", result.batch},
          {"runs", result.runs},
          {"macs", result.macs},
          {"arena_bytes", or_null(result.arena_bytes)},
          {"runtime_bytes", result.runtime_bytes},
          {"file_bytes", result.file_bytes},
          {"ops", list(result.ops)}};
}

}  // namespace smelt
