#include <algorithm>
#include <cmath>

#include "smelt/base/parallel.h"
#include "smelt/data/select.h"
#include "smelt/quantize/apply.h"
#include "smelt/quantize/recover/channel_links.h"
#include "smelt/quantize/recover/channel_stats.h"
#include "smelt/quantize/recover/recover.h"
#include "smelt/quantize/recover/run_error.h"
#include "smelt/run/dataset_inputs.h"

namespace smelt {
namespace {

/// Weights and biases of the layers that links touch, in double while they change.
struct Layer {
  std::vector<double> weights, bias;
};

class Equalizer {
 public:
  Equalizer(Graph& graph, std::vector<ChannelLink> links,
            std::map<TensorId, std::vector<ChannelStats>> stats)
      : graph_(graph), links_(std::move(links)), stats_(std::move(stats)) {
    for (const ChannelLink& link : links_) {
      for (const OpId id : {link.first, link.second}) load(id);
      made_.push_back(result_channels(graph_, graph_.op(link.first)));
      read_.push_back(operand_channels(graph_, graph_.op(link.second), link.channels));
      double most = 0;
      for (const ChannelStats& channel : stats_.at(link.result)) {
        most = std::max(most, reach(channel));
      }
      most_.push_back(link.ceiling > 0 ? std::min<double>(most, kBelowCeiling * link.ceiling)
                                       : most);
    }
  }

  void run() {
    constexpr int kSweeps = 50;
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      double change = 0;
      for (size_t i = 0; i < links_.size(); ++i) change = std::max(change, equalize(i));
      if (change < 1e-3) break;
    }
    for (size_t i = 0; i < links_.size(); ++i) absorb(i);
    for (const auto& [id, layer] : layers_) store(id, layer);
  }

 private:
  static constexpr double kBelowCeiling = 0.9;

  static double reach(const ChannelStats& channel) {
    return std::max(std::abs(channel.min), std::abs(channel.max));
  }

  void load(OpId id) {
    const Op& op = graph_.op(id);
    const auto weights = graph_.constant_input(op, 1)->data.as<float>();
    Layer& layer = layers_[id];
    layer.weights.assign(weights.begin(), weights.end());
    if (const Tensor* bias = graph_.constant_input(op, 2)) {
      const auto values = bias->data.as<float>();
      layer.bias.assign(values.begin(), values.end());
    }
  }

  /// A constant that ops share is copied for the one that changes it.
  void store_constant(OpId id, size_t index, const std::vector<double>& values) {
    const TensorId old = graph_.op(id).input(index);
    Tensor tensor = graph_.tensor(old);
    tensor.data = Buffer::of(std::vector<float>(values.begin(), values.end()));
    if (graph_.consumers(old).size() == 1) {
      graph_.tensor(old) = std::move(tensor);
    } else {
      tensor.name += "/equalized";
      graph_.set_op_input(id, index, graph_.add_tensor(std::move(tensor)));
    }
  }

  void store(OpId id, const Layer& layer) {
    store_constant(id, 1, layer.weights);
    if (!layer.bias.empty()) store_constant(id, 2, layer.bias);
  }

  static std::vector<double> largest(const std::vector<double>& weights,
                                     const std::vector<int32_t>& channel, int64_t channels) {
    std::vector<double> result(static_cast<size_t>(channels));
    for (size_t i = 0; i < weights.size(); ++i) {
      double& most = result[static_cast<size_t>(channel[i])];
      most = std::max(most, std::abs(weights[i]));
    }
    return result;
  }

  /// What channel c is divided by: never so little that it reaches beyond the others.
  double divisor(size_t link, size_t c, double r1, double r2) const {
    const ChannelStats& seen = stats_.at(links_[link].result)[c];
    const float ceiling = links_[link].ceiling;
    if (r1 == 0 || r2 == 0 || (ceiling > 0 && seen.max >= 0.999f * ceiling)) return 1;
    const double wanted = std::sqrt(r1 * r2) / r2;
    const double least = std::min(1.0, reach(seen) / most_[link]);
    return reach(seen) > 0 ? std::max(wanted, least) : std::max(wanted, 1.0);
  }

  /// The largest |log s|.
  double equalize(size_t index) {
    const ChannelLink& link = links_[index];
    Layer &first = layers_.at(link.first), &second = layers_.at(link.second);
    const auto r1 = largest(first.weights, made_[index], link.channels);
    const auto r2 = largest(second.weights, read_[index], link.channels);
    std::vector<double> s(r1.size());
    double change = 0;
    for (size_t c = 0; c < s.size(); ++c) {
      s[c] = divisor(index, c, r1[c], r2[c]);
      change = std::max(change, std::abs(std::log(s[c])));
      ChannelStats& seen = stats_.at(link.result)[c];
      seen = {static_cast<float>(seen.min / s[c]), static_cast<float>(seen.max / s[c]),
              seen.mean / s[c], seen.sigma / s[c]};
    }
    for (size_t i = 0; i < first.weights.size(); ++i) {
      first.weights[i] /= s[static_cast<size_t>(made_[index][i])];
    }
    for (size_t c = 0; c < first.bias.size(); ++c) first.bias[c] /= s[c];
    for (size_t i = 0; i < second.weights.size(); ++i) {
      second.weights[i] *= s[static_cast<size_t>(read_[index][i])];
    }
    return change;
  }

  /// What is added to every value of a channel moves to the bias of the second layer.
  void absorb(size_t index) {
    const ChannelLink& link = links_[index];
    Layer &first = layers_.at(link.first), &second = layers_.at(link.second);
    if (!link.shifts || first.bias.empty() || second.bias.empty()) return;
    std::vector<double> shift;
    for (const ChannelStats& seen : stats_.at(link.result)) {
      shift.push_back(std::max(0.0, std::min<double>(seen.min, seen.mean - 3 * seen.sigma)));
    }
    for (size_t c = 0; c < shift.size(); ++c) first.bias[c] -= shift[c];
    const std::vector<int32_t> made = result_channels(graph_, graph_.op(link.second));
    for (size_t i = 0; i < second.weights.size(); ++i) {
      second.bias[static_cast<size_t>(made[i])] +=
          second.weights[i] * shift[static_cast<size_t>(read_[index][i])];
    }
  }

  Graph& graph_;
  std::vector<ChannelLink> links_;
  std::map<TensorId, std::vector<ChannelStats>> stats_;
  std::map<OpId, Layer> layers_;
  std::vector<std::vector<int32_t>> made_, read_;  ///< by link: channel of each weight
  std::vector<double> most_;                       ///< by link: what its channels may reach
};

}  // namespace

int equalize(Model& model, const DatasetPtr& data, const RecoverOptions& options) {
  std::vector<ChannelLink> links = channel_links(model.main());
  if (links.empty()) return 0;
  check_inputs(model.main(), *data);
  const DatasetPtr chosen = select(data, options.samples, options.seed);
  std::vector<TensorId> results;
  for (const ChannelLink& link : links) results.push_back(link.result);
  const int threads = options.threads > 0 ? options.threads : available_threads();
  auto stats = channel_stats(model, results, *chosen, threads);
  const int count = static_cast<int>(links.size());
  Equalizer(model.main(), std::move(links), std::move(stats)).run();
  return count;
}

RecoveryReport equalize_if_better(Model& model, Stats& stats, QuantPlan& plan,
                                  const DatasetPtr& data, const CalibrateOptions& calibration,
                                  const RecoverOptions& options) {
  Model equalized = model;
  const int pairs = equalize(equalized, data, options);
  RecoveryReport report{.name = fmt::format("{} pairs of layers", pairs)};
  const DatasetPtr chosen = select(data, options.samples, options.seed);
  const FloatOutputs floats(model, *chosen, options.threads);
  report.before_db = floats.error_db(apply(model, plan), options.threads);
  report.after_db = report.before_db;
  RecoveryStep step{.name = "equalize", .before_db = report.before_db};
  if (pairs > 0) {
    Stats new_stats = calibrate(equalized, data, calibration);
    QuantPlan new_plan = make_plan(equalized, new_stats, plan.recipe);
    step.after_db = floats.error_db(apply(equalized, new_plan), options.threads);
    step.kept = step.after_db > step.before_db;
    if (step.kept) {
      model = std::move(equalized);
      stats = std::move(new_stats);
      plan = std::move(new_plan);
      report.after_db = step.after_db;
    }
  }
  report.steps.push_back(std::move(step));
  return report;
}

}  // namespace smelt
