#include "smelt/shrink/mixes.h"

#include <algorithm>
#include <cmath>

#include "smelt/data/select.h"
#include "smelt/quantize/apply.h"
#include "smelt/quantize/recover/run_error.h"

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
  const FloatOutputs wanted(float_model, *chosen, threads);
  const auto noise = [&](const QuantPlan& plan) {
    return std::pow(10.0, -wanted.error_db(apply(float_model, plan), threads) / 10);
  };
  const double least = noise(exact);
  std::vector<Int4Cost> costs;
  for (const OpId id : graph.ops()) {
    const OperandPlan* weights = int4_operand(small.ops.at(id));
    if (!weights) continue;
    QuantPlan mixed = exact;
    mixed.ops.at(id) = small.ops.at(id);
    const int64_t elements = graph.tensor(graph.op(id).inputs[weights->index]).shape.elements();
    costs.push_back({id, std::max(0.0, noise(mixed) - least), elements / 2});
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
