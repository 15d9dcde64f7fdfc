#include "smelt/shrink/mixes.h"

#include <algorithm>

#include "smelt/data/select.h"
#include "smelt/quantize/apply.h"
#include "smelt/run/dataset_inputs.h"
#include "smelt/run/real_values.h"

namespace smelt {
namespace {

/// Matches one name and nothing else.
std::string exactly(const std::string& name) {
  std::string pattern = "^";
  for (const char c : name) {
    if (std::string_view(R"(\^$.|?*+()[]{}/)").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

OpRule int8_weights(const Graph& graph, OpId op) {
  const std::string& result = graph.tensor(graph.op(op).output()).name;
  return {.pattern = exactly(result), .op = graph.op(op).type, .weight_bits = 8};
}

/// Real values of all outputs, sample by sample.
std::vector<float> outputs_of(const Model& model, const DatasetPtr& data, int threads) {
  const Graph& graph = model.main();
  size_t size = 0;
  for (const TensorId id : graph.outputs()) {
    size += static_cast<size_t>(graph.tensor(id).shape.elements());
  }
  std::vector<float> all(size * static_cast<size_t>(data->size()));
  run_samples(model, data->size(), {.threads = threads}, SampleLoader(graph, *data),
              [&](int64_t sample, const SampleOutputs& outputs) {
                std::span<float> rest =
                    std::span(all).subspan(static_cast<size_t>(sample) * size, size);
                for (size_t i = 0; i < outputs.count(); ++i) {
                  const Tensor& tensor = graph.tensor(graph.outputs()[i]);
                  const auto part = static_cast<size_t>(tensor.shape.elements());
                  load_real(tensor, outputs.bytes(i), rest.first(part));
                  rest = rest.subspan(part);
                }
              });
  return all;
}

double mean_squared_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return sum / static_cast<double>(std::max<size_t>(a.size(), 1));
}

const OperandPlan* int4_operand(const OpPlan& plan) {
  const auto found =
      std::find_if(plan.operands.begin(), plan.operands.end(),
                   [](const OperandPlan& operand) { return operand.as.type == DataType::int4; });
  return found == plan.operands.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Int4Cost> measure_int4(const Model& float_model, const Stats& stats, const Recipe& int4,
                                   const DatasetPtr& data, int64_t samples, int threads) {
  const Graph& graph = float_model.main();
  const DatasetPtr chosen = select(data, samples, 0);
  Recipe int8 = int4;
  int8.base.weight_bits = 8;
  const QuantPlan small = make_plan(float_model, stats, int4);
  const QuantPlan exact = make_plan(float_model, stats, int8);
  const std::vector<float> wanted = outputs_of(float_model, chosen, threads);
  const double least =
      mean_squared_difference(wanted, outputs_of(apply(float_model, exact), chosen, threads));
  std::vector<Int4Cost> costs;
  for (const OpId id : graph.ops()) {
    const OperandPlan* weights = int4_operand(small.ops.at(id));
    if (!weights) continue;
    QuantPlan mixed = exact;
    mixed.ops.at(id) = small.ops.at(id);
    const std::vector<float> got = outputs_of(apply(float_model, mixed), chosen, threads);
    const int64_t elements = graph.tensor(graph.op(id).inputs[weights->index]).shape.elements();
    costs.push_back(
        {id, std::max(0.0, mean_squared_difference(wanted, got) - least), elements / 2});
  }
  return costs;
}

std::vector<Rung> int4_mixes(const Graph& graph, const Recipe& int4, std::vector<Int4Cost> costs) {
  std::stable_sort(costs.begin(), costs.end(), [](const Int4Cost& a, const Int4Cost& b) {
    return a.error * static_cast<double>(b.bytes_saved) >
           b.error * static_cast<double>(a.bytes_saved);
  });
  int64_t saved = 0;
  for (const Int4Cost& cost : costs) saved += cost.bytes_saved;
  std::vector<Rung> rungs;
  size_t last_count = 0;
  for (const int quarters : {1, 2, 3}) {
    Rung rung{.recipe = int4, .recover = true};
    int64_t given_back = 0;
    size_t count = 0;
    // What would give back more than its share is left for the mix behind.
    for (const Int4Cost& cost : costs) {
      if (4 * (given_back + cost.bytes_saved) > saved * quarters) continue;
      given_back += cost.bytes_saved;
      rung.recipe.rules.push_back(int8_weights(graph, cost.op));
      ++count;
    }
    if (count == 0 || count == last_count || count == costs.size()) continue;
    last_count = count;
    rung.name = fmt::format("{} ops int4, {} int8 + recovery", costs.size() - count, count);
    rungs.push_back(std::move(rung));
  }
  return rungs;
}

}  // namespace smelt
