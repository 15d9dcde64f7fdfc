#include "smelt/quantize/debug/layers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <regex>

#include "smelt/base/error.h"
#include "smelt/ir/dump.h"
#include "smelt/quantize/debug/constants.h"
#include "smelt/run/batch.h"
#include "smelt/run/resolve.h"

namespace smelt {
namespace {

std::shared_ptr<const Program> prepare(const Model& model, int batch, Numerics numerics,
                                       std::string_view what) {
  auto program = Program::prepare(model, {.batch = batch, .numerics = numerics, .keep_all = true});
  if (program->dynamic()) {
    fail(ErrorKind::unsupported, "the {} model has shapes that depend on data", what);
  }
  return program;
}

std::map<OpId, size_t> step_of(const Program& program) {
  std::map<OpId, size_t> steps;
  for (size_t i = 0; i < program.steps().size(); ++i) steps[program.steps()[i].op] = i;
  return steps;
}

/// Chooses layers by the names of either model.
class Chooser {
 public:
  explicit Chooser(const std::string& pattern) {
    if (pattern.empty()) return;
    try {
      pattern_ = std::regex(pattern);
    } catch (const std::regex_error& error) {
      fail(ErrorKind::bad_argument, "'{}' is no regular expression ({})", pattern, error.what());
    }
  }
  bool wants(const Graph& graph, const Op& op) const {
    return !pattern_ || std::regex_search(op.origin, *pattern_) ||
           std::any_of(op.outputs.begin(), op.outputs.end(), [&](TensorId id) {
             return id && std::regex_search(graph.tensor(id).name, *pattern_);
           });
  }

 private:
  std::optional<std::regex> pattern_;
};

class LayerMaker {
 public:
  explicit LayerMaker(Comparison& all)
      : all_(all),
        f_(all.reference->graph()),
        q_(all.quantized->graph()),
        f_steps_(step_of(*all.reference)),
        q_steps_(step_of(*all.quantized)) {}

  /// Nothing where the op is not quantized.
  std::optional<Layer> make(const OpMatch& match) {
    const Op& q = q_.op(match.quantized);
    Layer layer{.step = q_steps_.at(match.quantized),
                .reference_step = f_steps_.at(match.reference),
                .sources = match.sources};
    for (size_t i = 0; i < q.outputs.size(); ++i) {
      if (is_compared(q.outputs[i], f_.op(match.reference).outputs[i])) layer.results.push_back(i);
    }
    if (layer.results.empty()) return std::nullopt;
    bool quantized = false;
    for (const size_t i : layer.results)
      quantized |= q_.tensor(q.outputs[i]).quantization.quantized();
    for (const TensorId id : q.inputs) {
      if (!is_computed(q_, id)) continue;
      const Tensor& tensor = q_.tensor(id);
      quantized |= tensor.quantization.quantized();
      layer.floats_in |= tensor.type == DataType::float32;
    }
    store_weights(match, layer);
    if (!quantized && !layer.stores_weights) return std::nullopt;
    if (!q_step(layer).kernel.invoke || !f_step(layer).kernel.invoke) {
      fail(ErrorKind::unsupported, "it runs subgraphs or variables");
    }
    return layer;
  }

 private:
  const Step& q_step(const Layer& layer) const { return all_.quantized->steps()[layer.step]; }
  const Step& f_step(const Layer& layer) const {
    return all_.reference->steps()[layer.reference_step];
  }

  bool is_compared(TensorId q, TensorId f) const {
    if (!q || !f || f_.tensor(f).type != DataType::float32) return false;
    const Tensor& tensor = q_.tensor(q);
    return tensor.shape.elements() > 0 &&
           (tensor.type == DataType::float32 || tensor.quantization.per_tensor());
  }

  /// Gives the op of the `stored` graph the constants that the quantized one reads.
  void store_weights(const OpMatch& match, Layer& layer) {
    const Op f = f_.op(match.reference);
    for (size_t i = 0; i < f.inputs.size(); ++i) {
      if (match.sources[i] < 0 || !f_.tensor(f.inputs[i]).is_constant) continue;
      const Tensor& floats = f_.tensor(f.inputs[i]);
      if (floats.type != DataType::float32) continue;
      const Op& q = q_.op(match.quantized);
      const Tensor& stored = q_.tensor(q.inputs[static_cast<size_t>(match.sources[i])]);
      const std::vector<float> values = real_constant(q_, stored);
      if (std::ranges::equal(values, floats.data.as<float>())) continue;
      Tensor copy = floats;
      copy.data = Buffer::of(values);
      layer.stores_weights = true;
      all_.stored.set_op_input(match.reference, i, all_.stored.add_tensor(std::move(copy)));
    }
    if (layer.stores_weights) {
      layer.with_stored_weights = prepare_op(all_.stored, match.reference, KernelChoice::fastest,
                                             all_.reference->options().numerics);
    }
  }

  Comparison& all_;
  const Graph& f_;
  const Graph& q_;
  std::map<OpId, size_t> f_steps_, q_steps_;
};

}  // namespace

Comparison prepare_comparison(const Model& reference, const Model& quantized,
                              const ComparisonOptions& options) {
  const Chooser chooser(options.layers);
  require_same_inputs(reference.main(), quantized.main());
  const int batch =
      std::min(choose_batch(reference, options.samples), choose_batch(quantized, options.samples));
  Comparison all{.float_model = reference, .quantized_model = quantized};
  all.reference = prepare(reference, batch, Numerics::reference, "float");
  all.quantized = prepare(quantized, batch, options.numerics, "quantized");
  const Graph& f = all.reference->graph();
  const Graph& q = all.quantized->graph();
  all.alignment = align(f, q, options.align);
  all.stored = f;
  LayerMaker maker(all);
  for (const OpMatch& match : all.alignment.ops) {
    if (!chooser.wants(q, q.op(match.quantized)) && !chooser.wants(f, f.op(match.reference))) {
      continue;
    }
    try {
      if (std::optional<Layer> layer = maker.make(match)) all.layers.push_back(std::move(*layer));
    } catch (const Error& error) {
      all.alignment.unmatched.push_back(
          fmt::format("{} is not compared: {}", describe(q, match.quantized), error.what()));
    }
  }
  return all;
}

}  // namespace smelt
