#include "smelt/quantize/debug/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "smelt/ops/op_def.h"

namespace smelt {
namespace {

/// A part of the error, with what it comes from.
struct Part {
  double share = 0;  ///< of all parts
  Finding (*explain)(const LayerReport&);
};

Finding explain_weights(const LayerReport& layer) {
  const WeightFacts facts = layer.weights.value_or(WeightFacts{});
  if (facts.per_tensor && facts.channel_ratio > kUnequalChannels) {
    std::vector<Cure> cures = {Cure::equalize, Cure::keep_float};
    if (facts.can_be_per_channel) cures.insert(cures.begin() + 1, Cure::per_channel_weights);
    const bool dense = layer.type == OpType::fully_connected;
    if (dense && facts.can_be_per_channel) std::swap(cures[0], cures[1]);
    return {fmt::format("one scale for weights whose channels differ: the largest is {:.0f} times "
                        "the median channel's; {}",
                        facts.channel_ratio,
                        cures[0] == Cure::equalize
                            ? "equalize its channels with those of its neighbours"
                            : "give each output channel its scale"),
            cures};
  }
  if (bit_width(facts.type) < 8) {
    return {fmt::format("{} weights are too coarse for it; give it 8 bits", name(facts.type)),
            {Cure::more_weight_bits, Cure::keep_float}};
  }
  return {"its weights lose most of it; keep it in float", {Cure::keep_float}};
}

Finding explain_activation(const LayerReport& layer) {
  if (layer.stored == DataType::int16) {
    return {"it is sensitive to what its operands lose even in 16 bits; keep it in float",
            {Cure::keep_float}};
  }
  if (layer.operand_channel_ratio > kUnequalChannels) {
    return {fmt::format("channels that it reads differ, and the small ones are lost by rounding: "
                        "the largest is {:.0f} times the median one; equalize them",
                        layer.operand_channel_ratio),
            {Cure::equalize, Cure::int16_activations, Cure::keep_float}};
  }
  return {"what its operands lose by rounding grows in it; give it int16 activations",
          {Cure::int16_activations, Cure::keep_float}};
}

Finding explain_clipping(const LayerReport& layer) {
  return {fmt::format("values outside the range of its output ({:.4g} wide) are cut off; take a "
                      "wider range (minmax, or more calibration samples)",
                      layer.range()),
          {Cure::wider_range, Cure::int16_activations, Cure::keep_float}};
}

Finding explain_rounding(const LayerReport& layer) {
  if (layer.crest > kHighCrest) {
    return {fmt::format("few large values stretch the range of its output: the largest is {:.0f} "
                        "times the root mean square; cut them off (percentile or mse range)",
                        layer.crest),
            {Cure::narrower_range, Cure::int16_activations, Cure::keep_float}};
  }
  if (layer.channel_ratio > kUnequalChannels) {
    return {fmt::format("channels of its output differ: the largest is {:.0f} times the median "
                        "one; equalize them",
                        layer.channel_ratio),
            {Cure::equalize, Cure::int16_activations, Cure::keep_float}};
  }
  if (layer.stored == DataType::int16) return {"keep it in float", {Cure::keep_float}};
  return {"the steps of its output are too coarse; give it int16 activations",
          {Cure::int16_activations, Cure::keep_float}};
}

bool gains_accuracy(const LayerReport& layer, int64_t samples) {
  const double gain = layer.accuracy_gain.value_or(0);
  return gain >= kLeastAccuracyGain &&
         gain * static_cast<double>(samples) >= static_cast<double>(kLeastSamplesGained) - 0.5;
}

/// The largest part of the error.
Part worst_part(const LayerReport& layer) {
  const ErrorSplit& s = layer.split;
  const std::array<Part, 4> parts = {{{s.weights, explain_weights},
                                      {s.activation, explain_activation},
                                      {s.clipping, explain_clipping},
                                      {s.rounding, explain_rounding}}};
  Part worst = parts[0];
  double sum = 0;
  for (const Part& part : parts) {
    sum += part.share;
    if (part.share > worst.share) worst = part;
  }
  worst.share = sum > 0 ? worst.share / sum : 0;
  return worst;
}

void judge_error(LayerReport& layer, int64_t samples) {
  // Its scale is that of the op before it, which the finding is of.
  if (op_def(layer.type).quantization.output == OutputScale::same_as_input) return;
  const double sqnr = layer.layerwise.sqnr_db;
  const bool gains = gains_accuracy(layer, samples);
  const bool coarse = layer.rmse_per_scale() > kPoorRmsePerScale && sqnr < kGoodSqnr;
  if (sqnr >= kPoorSqnr && !coarse && !gains) return;
  const Part worst = worst_part(layer);
  Finding finding = worst.explain(layer);
  std::string why = fmt::format("error {:.1f} dB below its signal", sqnr);
  if (gains) {
    why += fmt::format(", accuracy rises by {:.1f} points where it is float",
                       100 * *layer.accuracy_gain);
  }
  finding.text = fmt::format("{}; {:.0f} % of that: {}", why, 100 * worst.share, finding.text);
  layer.findings.push_back(std::move(finding));
}

void judge_bias(LayerReport& layer) {
  const ErrorStats& error = layer.same_inputs;
  const double mean = error.mean_error;
  const double spread = std::sqrt(std::max(error.mean_squared_error - mean * mean, 0.0));
  if (std::abs(mean) <= kBiasOverSpread * spread) return;
  if (layer.layerwise.sqnr_db >= kBiasSqnr) return;
  layer.findings.push_back(
      {fmt::format("its results are off by {:.3g} on average, {:.1f} times the spread of the "
                   "error; correct its bias",
                   mean, spread > 0 ? std::abs(mean) / spread : 1.0),
       {Cure::bias_correction}});
}

}  // namespace

std::string_view name(Cure cure) {
  switch (cure) {
    case Cure::equalize:
      return "equalize";
    case Cure::per_channel_weights:
      return "per-channel weights";
    case Cure::more_weight_bits:
      return "8-bit weights";
    case Cure::wider_range:
      return "wider range";
    case Cure::narrower_range:
      return "narrower range";
    case Cure::int16_activations:
      return "int16 activations";
    case Cure::keep_float:
      return "keep float";
    case Cure::bias_correction:
      return "bias correction";
  }
  return "";
}

double LayerReport::range() const {
  return scale ? (std::ldexp(1.0, bit_width(stored)) - 1) * *scale : 0;
}

double LayerReport::rmse_per_scale() const {
  return scale ? std::sqrt(same_inputs.mean_squared_error) / *scale : 0;
}

void judge(LayerReport& layer, int64_t samples) {
  layer.findings.clear();
  judge_error(layer, samples);
  judge_bias(layer);
}

}  // namespace smelt
